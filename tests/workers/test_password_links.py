"""Password links: sent by the workers over SMTP, valid once."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import Engine, event

from app.clock import now
from app.engine.models import Kind
from app.identity.passwords.links import write_token
from app.identity.sign_in.attempts import MESSAGES_PER_RECIPIENT
from tests.support.desk import Answer, Caller, Desk
from tests.support.smtp import SmtpServer
from workers import runner
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.desk"]

PASSWORD = "seven green umbrellas"
CAPITALS = "NINA@clinic.example"
BOTH = "one sentence for both"
EMAIL = "nina@clinic.example"


@pytest.fixture
def nina(desk: Desk) -> dict[str, Any]:
    """A user who was invited."""
    answer = desk.admin.post("/api/users", {"email": EMAIL, "name": "Nina", "role": "sales"})
    assert answer.status == 201, answer.body
    user: dict[str, Any] = answer.body
    return user


def anonymous(desk: Desk, path: str, body: Any, *, place: str = "192.0.2.1") -> Answer:
    """Call without credentials."""
    answer = desk.client().post(f"/api/auth/{path}", json=body, environ_base={"REMOTE_ADDR": place})
    received = Answer(answer.status_code, answer.get_json(silent=True), answer.headers)
    answer.close()  # password links are sent after the response
    return received


def deliver() -> None:
    while runner.run(Kind.DELIVER_ACCOUNT_EMAIL, []):
        pass


def token_in(text: str) -> str:
    [token] = re.findall(r"/account/password#(\S+)", text)
    return str(token)


def last_token(smtp: SmtpServer, email: str = EMAIL) -> str:
    deliver()
    return token_in([mail for mail in smtp.received if mail.recipient == email][-1].message.get_content())


def choose(desk: Desk, token: str, password: str = PASSWORD) -> Answer:
    return anonymous(desk, "password", {"token": token, "password": password})


def log_in(desk: Desk, password: str = PASSWORD) -> int:
    return anonymous(desk, "login", {"email": EMAIL, "password": password}).status


def test_invitation_link_sets_the_first_password(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    assert log_in(desk) == 401
    token = last_token(smtp)
    assert choose(desk, token).status == 204
    assert log_in(desk) == 200
    assert desk.admin.get(f"/api/users/{nina['id']}").body["has_password"] is True


def test_link_works_once(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    token = last_token(smtp)
    assert choose(desk, token).status == 204
    assert choose(desk, token, "another fine sentence").status == 401
    assert log_in(desk) == 200


def test_weak_password_does_not_use_up_the_link(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    token = last_token(smtp)
    assert choose(desk, token, "password1234").pointers == ["/password"]
    assert choose(desk, token).status == 204


def test_email_with_an_expired_link_is_not_sent(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    with time_machine.travel(now() + timedelta(days=7, seconds=1), tick=False):
        deliver()
    assert smtp.received == []
    [skipped] = desk.admin.get("/api/notifications", state="suppressed").body["items"]
    assert (skipped["template"], skipped["reason"]) == ("invitation", "link_expired")
    assert desk.admin.post(f"/api/users/{nina['id']}/invite").status == 200
    assert choose(desk, last_token(smtp)).status == 204


def test_email_with_a_valid_link_is_sent(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    with time_machine.travel(now() + timedelta(days=6, hours=23), tick=False):
        assert choose(desk, last_token(smtp)).status == 204


def test_password_reset_with_an_expired_link_is_not_sent(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    assert choose(desk, last_token(smtp)).status == 204
    smtp.received.clear()
    assert anonymous(desk, "password-link", {"email": EMAIL}).status == 202
    with time_machine.travel(now() + timedelta(hours=1, seconds=1), tick=False):
        deliver()
        assert smtp.received == []


def test_link_expires_and_is_deleted(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    token = last_token(smtp)
    with time_machine.travel(now() + timedelta(days=7, seconds=1), tick=False):
        assert choose(desk, token).status == 401
        assert sweep("forget_old_links") == 1
    assert choose(desk, token).status == 401


@pytest.mark.parametrize("token", ["", "x", "é", "AAAA" * 12, "a" * 1990])
def test_forged_link_is_refused(desk: Desk, nina: dict[str, Any], token: str):
    assert choose(desk, token or " ").status == 401
    other = write_token(desk.admin.actor.user_id or desk.clinic_id)  # well signed, and no link's
    assert choose(desk, other).status == 401


def test_invitation_can_be_sent_again_until_it_is_used(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    first = last_token(smtp)
    assert desk.admin.post(f"/api/users/{nina['id']}/invite").status == 200
    second = last_token(smtp)
    assert first != second
    assert choose(desk, first).status == 401  # the newer link ends it
    assert choose(desk, second).status == 204
    assert desk.admin.post(f"/api/users/{nina['id']}/invite").status == 409


def test_newer_reset_link_ends_the_older_ones(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    invitation = last_token(smtp)
    links = []
    for _ in range(2):
        anonymous(desk, "password-link", {"email": EMAIL})
        links.append(last_token(smtp))
    assert [choose(desk, link).status for link in (invitation, links[0])] == [401, 401]
    assert choose(desk, links[1]).status == 204


def test_reset_does_not_shorten_an_invitation(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    """An outsider who knows the address can ask for a reset."""
    anonymous(desk, "password-link", {"email": EMAIL})
    newest = last_token(smtp)
    with time_machine.travel(now() + timedelta(days=6), tick=False):
        assert choose(desk, newest).status == 204


def test_address_has_an_account_in_each_clinic(desk: Desk, other_desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    """The password chooses the account; the clinic does, if both have the same."""
    choose(desk, last_token(smtp))
    assert other_desk.admin.post("/api/users", {"email": EMAIL, "name": "Nina B", "role": "sales"}).status == 201
    assert choose(desk, last_token(smtp), "another fine sentence").status == 204
    assert clinic_after(desk, PASSWORD) == desk.clinic_id
    assert clinic_after(desk, "another fine sentence") == other_desk.clinic_id
    smtp.received.clear()
    anonymous(desk, "password-link", {"email": EMAIL})
    deliver()
    resets = [mail.message.get_content() for mail in smtp.received]
    assert len(resets) == 2  # one for each account
    for link in map(token_in, resets):
        choose(desk, link, BOTH)
    asked = anonymous(desk, "login", {"email": EMAIL, "password": BOTH})
    assert (asked.status, asked.body["code"]) == (409, "several-clinics")
    names = {row.slug: row.name for row in desk.sql("SELECT slug, name FROM clinics")}
    assert {one["slug"]: one["name"] for one in asked.body["clinics"]} == names
    slugs = {row.id: row.slug for row in desk.sql("SELECT id, slug FROM clinics")}
    for clinic_id in (desk.clinic_id, other_desk.clinic_id):
        assert clinic_after(desk, BOTH, clinic=slugs[clinic_id]) == clinic_id
    wrong = [
        {"password": BOTH, "clinic": "none"},
        {"password": PASSWORD},
        {"password": "x", "clinic": slugs[desk.clinic_id]},
    ]
    assert {anonymous(desk, "login", {"email": EMAIL, **given}).status for given in wrong} == {401}


def test_accounts_of_an_address_share_the_salt_of_their_passwords(
    desk: Desk, other_desk: Desk, nina: dict[str, Any], smtp: SmtpServer
):
    """A sign-in computes one hash for all accounts of an address, so that its time does not tell their number."""
    choose(desk, last_token(smtp))
    other_desk.admin.post("/api/users", {"email": CAPITALS, "name": "Nina B", "role": "sales"})
    assert choose(desk, last_token(smtp, CAPITALS), "another fine sentence").status == 204
    tokens = anonymous(desk, "login", {"email": EMAIL, "password": PASSWORD}).body
    change = {"current_password": PASSWORD, "new_password": "a third fine sentence"}
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert desk.client().post("/api/auth/change-password", json=change, headers=headers).status_code == 204
    hashes = desk.sql("SELECT password_hash AS it FROM users WHERE lower(email) = :email", email=EMAIL)
    assert len({row.it for row in hashes}) == 2
    assert len({row.it.split("$")[-2] for row in hashes}) == 1


def test_deactivated_account_is_no_choice(desk: Desk, other_desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    choose(desk, last_token(smtp))
    other_desk.admin.post("/api/users", {"email": EMAIL, "name": "Nina B", "role": "sales"})
    choose(desk, last_token(smtp))
    desk.admin.post(f"/api/users/{nina['id']}/deactivate")
    assert clinic_after(desk, PASSWORD) == other_desk.clinic_id


def clinic_after(desk: Desk, password: str, **more: str) -> Any:
    """Return the clinic of the user whom a login opens."""
    tokens = anonymous(desk, "login", {"email": EMAIL, "password": password, **more})
    assert tokens.status == 200, tokens.body
    me = desk.client().get("/api/me", headers={"Authorization": f"Bearer {tokens.body['access_token']}"}).json
    [row] = desk.sql("SELECT clinic_id FROM users WHERE id = :id", id=me["id"])
    return row.clinic_id


def test_link_is_only_in_the_email(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    token = last_token(smtp)
    [letter] = desk.admin.every("/api/notifications")
    assert (letter["template"], letter["state"]) == ("invitation", "sent")
    everything = desk.sql("SELECT n::text FROM notifications n UNION ALL SELECT s::text FROM steps s")
    everything += desk.sql("SELECT l::text FROM password_links l")
    assert token not in str(everything)


def test_password_reset_ends_every_session(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    choose(desk, last_token(smtp))
    tokens = anonymous(desk, "login", {"email": EMAIL, "password": PASSWORD}).body
    assert anonymous(desk, "password-link", {"email": EMAIL.upper()}).status == 202
    assert choose(desk, last_token(smtp), "another fine sentence").status == 204
    assert (log_in(desk), log_in(desk, "another fine sentence")) == (401, 200)
    me = desk.client().get("/api/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    refreshed = anonymous(desk, "refresh", {"refresh_token": tokens["refresh_token"]})
    assert (me.status_code, refreshed.status) == (401, 401)


def test_password_reset_does_not_reveal_accounts(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    known, unknown = (anonymous(desk, "password-link", {"email": email}) for email in (EMAIL, "no@clinic.example"))
    assert (known.status, known.body) == (unknown.status, unknown.body) == (202, None)
    deliver()
    assert {mail.recipient for mail in smtp.received} == {EMAIL}


def test_password_reset_looks_up_no_address_before_the_response(desk: Desk, nina: dict[str, Any]):
    statements: list[str] = []
    listener = ("before_cursor_execute", lambda *given: statements.append(given[2]))
    event.listen(Engine, *listener)
    try:
        for email in (EMAIL, "no@clinic.example"):
            answer = desk.client().post("/api/auth/password-link", json={"email": email})
            assert (answer.status_code, statements) == (202, [])
            answer.close()
            assert statements
            statements.clear()
    finally:
        event.remove(Engine, *listener)


def test_emails_to_one_address_are_limited(desk: Desk, nina: dict[str, Any]):
    places = [f"192.0.2.{number}" for number in range(MESSAGES_PER_RECIPIENT + 1)]
    answers = [anonymous(desk, "password-link", {"email": EMAIL}, place=place) for place in places]
    assert [answer.status for answer in answers] == [202] * MESSAGES_PER_RECIPIENT + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_deactivated_user_gets_no_link_and_cannot_use_one(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    token = last_token(smtp)
    desk.admin.post(f"/api/users/{nina['id']}/deactivate")
    assert choose(desk, token).status == 401
    anonymous(desk, "password-link", {"email": EMAIL})
    deliver()
    assert len(smtp.received) == 1


def test_password_change_requires_the_current_password(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    choose(desk, last_token(smtp))
    token = anonymous(desk, "login", {"email": EMAIL, "password": PASSWORD}).body["access_token"]
    her = Caller(desk.client(), token, desk.admin.actor)
    wrong = {"current_password": "not this one at all", "new_password": "another fine sentence"}
    assert her.post("/api/auth/change-password", wrong).pointers == ["/current_password"]
    weak = {"current_password": PASSWORD, "new_password": "qwertyuiop12"}
    assert her.post("/api/auth/change-password", weak).pointers == ["/new_password"]
    good = {"current_password": PASSWORD, "new_password": "another fine sentence"}
    assert her.post("/api/auth/change-password", good).status == 204
    assert her.get("/api/me").status == 401
    assert (log_in(desk), log_in(desk, "another fine sentence")) == (401, 200)


def test_api_key_has_no_password(desk: Desk):
    robot = desk.program("lead:read")
    body = {"current_password": PASSWORD, "new_password": "another fine sentence"}
    assert robot.post("/api/auth/change-password", body).status == 403


def test_password_page_loads_no_external_resources(desk: Desk):
    page = desk.client().get("/account/password")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert desk.client().get(asset).status_code == 200, asset
    assert desk.client().get("/account/password/nothing").status_code == 404


def test_worker_delivers_the_email_of_a_step_id(desk: Desk, nina: dict[str, Any], smtp: SmtpServer):
    """The message to the worker contains only the id."""
    [step] = desk.sql("SELECT id, state FROM steps WHERE kind = 'deliver_account_email'")
    assert step.state == "published"
    assert runner.run(Kind.DELIVER_ACCOUNT_EMAIL, [step.id]) == 1
    assert [mail.recipient for mail in smtp.received] == [EMAIL]
