"""Unsubscribe links in e-mails, and the preference page: what holds for the very next message."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from app.api.messaging.preference_page import CALLS_PER_MINUTE
from app.engine.models import Kind
from app.messaging.unsubscribe.links import PURPOSE, UNSUBSCRIBE_PATH
from app.security.signed_ids import sign_id
from tests.support.desk import Desk
from tests.support.practice import Watch, sql
from tests.support.smtp import SmtpServer
from workers import runner

pytest_plugins = ["tests.support.desk"]


@pytest.fixture
def desk(watch: Watch, desk: Desk) -> Desk:
    """A clinic in the daytime."""
    return desk


def write_to(desk: Desk, lead: dict[str, Any]) -> None:
    """Log three calls without an answer, after which the rules plan a break-up e-mail."""
    for _ in range(3):
        call = {"type": "PHONE_CALL", "outcome": "no_answer"}
        assert desk.admin.post(f"/api/leads/{lead['id']}/activities", call).status == 201


def send() -> None:
    for kind in (Kind.SEND_MESSAGE, Kind.DELIVER):
        while runner.run(kind, []):
            pass


def commercial_mail(desk: Desk, smtp: SmtpServer, **lead: Any) -> tuple[dict[str, Any], Any]:
    made = desk.capture(email="mia@lead.example", **lead)
    write_to(desk, made)
    send()
    [mail] = smtp.received
    return made, mail.message


def link_of(message: Any) -> str:
    found = re.fullmatch(r"<http://[^/]+(/unsubscribe/[0-9a-v]{42})>", message["List-Unsubscribe"])
    assert found
    return found[1]


def page(desk: Desk, path: str, **form: Any) -> TestResponse:
    client = desk.client()
    return client.post(path, data=form) if form else client.get(path)


def states(lead: dict[str, Any]) -> list[str]:
    return [row.state for row in sql("SELECT state FROM notifications WHERE lead_id = :id", id=lead["id"])]


def test_commercial_mail_has_one_click_headers_and_a_footer(desk: Desk, smtp: SmtpServer):
    sender = {"sender_name": "Dr. Lee", "postal_address": "1 Main Street\nSpringfield"}
    answer = desk.admin.put("/api/settings/sender", sender)
    assert answer.status == 200, answer.body

    lead, message = commercial_mail(desk, smtp)

    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["From"].startswith('"Dr. Lee" <')
    body = message.get_payload(decode=True).decode().replace("\r\n", "\n")
    assert "Dr. Lee\n1 Main Street\nSpringfield\n" in body
    assert f"/preferences/{sign_id(PURPOSE, UUID(lead['id']))}" in body
    [note] = desk.admin.get("/api/notifications", channel="email").body["items"]
    assert "/preferences/" not in sql("SELECT body FROM notifications WHERE id = :id", id=note["id"])[0].body


def test_get_never_unsubscribes(desk: Desk, smtp: SmtpServer):
    lead, message = commercial_mail(desk, smtp)
    for path in (link_of(message), link_of(message).replace("unsubscribe", "preferences")):
        shown = page(desk, path)
        assert (shown.status_code, shown.mimetype) == (200, "text/html")
        assert desk.client().head(path).status_code in {200, 405}
    assert desk.lead(lead)["opted_out_channels"] == []


def test_one_click_stops_the_very_next_mail(desk: Desk, smtp: SmtpServer):
    lead, message = commercial_mail(desk, smtp)
    write_to(desk, lead)
    while runner.run(Kind.SEND_MESSAGE, []):
        pass

    for _ in range(2):  # a mail program may repeat the call
        answer = page(desk, link_of(message), **{"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, answer.headers.get("Set-Cookie"), answer.headers.get("Location")) == (
            200,
            None,
            None,
        )
    send()

    assert len(smtp.received) == 1
    assert "pending" not in states(lead)
    assert "email" in desk.lead(lead)["opted_out_channels"]
    [consent] = desk.admin.get(f"/api/leads/{lead['id']}/consents").body["items"]
    assert (consent["way"], consent["is_given"], consent["source"]) == ("email", False, "one-click unsubscribe")


@pytest.mark.parametrize("query", ["?utm_source=mail&fbclid=1", "?a=b&a=c", "?%00"])
def test_parameters_that_gateways_add_to_links_are_ignored(desk: Desk, smtp: SmtpServer, query: str):
    lead, message = commercial_mail(desk, smtp)
    for path in (link_of(message), link_of(message).replace("/unsubscribe/", "/preferences/")):
        assert desk.client().get(path + query).status_code == 200
    assert page(desk, link_of(message) + query, **{"List-Unsubscribe": "One-Click"}).status_code == 200
    write_to(desk, lead)
    send()
    assert len(smtp.accepted) == 1


def test_many_people_unsubscribe_from_one_network(desk: Desk, smtp: SmtpServer):
    """A mail provider does it for all of them."""
    _, message = commercial_mail(desk, smtp)
    for number in range(CALLS_PER_MINUTE + 1):
        path = f"{UNSUBSCRIBE_PATH}/{sign_id(PURPOSE, uuid4())}"
        assert page(desk, path).status_code == 404, number
    assert page(desk, link_of(message)).status_code == 200
    invalid = [page(desk, f"{UNSUBSCRIBE_PATH}/{number}").status_code for number in range(CALLS_PER_MINUTE + 1)]
    assert (invalid[0], invalid[-1]) == (404, 429)
    assert page(desk, link_of(message)).status_code == 200


def test_preference_page_stops_and_allows_messages_and_sets_the_language(desk: Desk, smtp: SmtpServer):
    lead, message = commercial_mail(desk, smtp)
    path = link_of(message).replace("unsubscribe", "preferences")

    saved = page(desk, path, allowed="phone", language="de")
    assert saved.status_code == 200
    assert "Ihre Auswahl ist gespeichert" in saved.text
    now = desk.lead(lead)
    assert (now["opted_out_channels"], now["language"]) == (["email"], "de")

    page(desk, path, allowed="email", language="xx")
    now = desk.lead(lead)
    assert (set(now["opted_out_channels"]) & {"email", "http"}, now["language"]) == ({"http"}, "de")

    page(desk, path, stop_all="1")
    assert desk.lead(lead)["opted_out_at"]
    page(desk, path, allowed=["email", "phone"])
    now = desk.lead(lead)
    assert (now["opted_out_at"], now["opted_out_channels"]) == (None, [])


def test_page_keeps_suppressions_of_the_clinic(desk: Desk, smtp: SmtpServer):
    _, message = commercial_mail(desk, smtp)
    entry = {"email": "mia@lead.example", "reason": "bounced"}
    assert desk.admin.post("/api/suppressions", entry).status in {200, 201}
    path = link_of(message).replace("unsubscribe", "preferences")
    page(desk, path, stop_all="1")
    page(desk, path, allowed=["email", "phone"])
    assert desk.admin.post("/api/suppressions/check", {"email": "mia@lead.example"}).body["is_suppressed"]


def test_link_outlives_merging_and_deletion(desk: Desk, smtp: SmtpServer):
    lead, message = commercial_mail(desk, smtp)
    sql("UPDATE leads SET deleted_at = now() WHERE id = :id RETURNING id", id=lead["id"])
    assert page(desk, link_of(message), **{"List-Unsubscribe": "One-Click"}).status_code == 200
    assert desk.admin.post("/api/suppressions/check", {"email": "mia@lead.example"}).body["is_suppressed"]


@pytest.mark.parametrize("token", ["x", "0" * 42, "é" * 42, sign_id("another", UUID(int=1))])
@pytest.mark.parametrize("start", ["/unsubscribe", "/preferences"])
def test_unknown_and_invalid_links_look_the_same(desk: Desk, start: str, token: str):
    unknown = sign_id(PURPOSE, UUID(int=1))
    expected, shown = page(desk, f"{start}/{unknown}"), page(desk, f"{start}/{token}")
    assert (shown.status_code, shown.text) == (expected.status_code, expected.text)
    assert shown.status_code == page(desk, f"{start}/{token}", x="1").status_code == 404


def test_names_of_clinics_are_escaped(desk: Desk, smtp: SmtpServer):
    _, message = commercial_mail(desk, smtp)
    assert desk.admin.put("/api/settings/sender", {"sender_name": "<script>alert(1)</script>"}).status == 200
    assert "<script>" not in page(desk, link_of(message)).text
