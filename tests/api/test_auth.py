"""Sign-in, refresh and sign-out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from app.core.db import transaction
from app.identity.models import Role, User
from app.identity.service import create_user
from app.identity.sign_in.attempts import (
    MESSAGES_PER_ADDRESS,
    MESSAGES_PER_RECIPIENT,
    PER_ACCOUNT,
    PER_ADDRESS,
    PER_ADDRESS_AND_ACCOUNT,
)
from app.ops.embedded import Valkey
from tests.support.desk import Answer, Caller, Desk, the_app

pytest_plugins = ["tests.support.desk"]

EMAIL = "Ana@Clinic.example"
PASSWORD = "seven green umbrellas"


@pytest.fixture
def ana(desk: Desk) -> User:
    """A coordinator with a password."""
    with transaction() as session:
        return create_user(
            session, desk.clinic_id, email=EMAIL, name="Ana", role=Role.TREATMENT_COORDINATOR, password=PASSWORD
        )


@pytest.fixture
def client(ana: User) -> Iterator[FlaskClient]:
    with the_app().test_client() as client:
        yield client


def post(client: FlaskClient, path: str, body: Any = None, *, token: str = "", place: str = "192.0.2.1") -> Answer:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = client.post(path, json=body, headers=headers, environ_base={"REMOTE_ADDR": place})
    return Answer(answer.status_code, answer.get_json(silent=True), answer.headers)


def log_in(client: FlaskClient, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> Answer:
    return post(client, "/api/auth/login", {"email": email, "password": password}, **more)


def refresh(client: FlaskClient, token: str) -> Answer:
    return post(client, "/api/auth/refresh", {"refresh_token": token})


def me(client: FlaskClient, token: str) -> int:
    return client.get("/api/me", headers={"Authorization": f"Bearer {token}"}).status_code


# --- in ---


def test_signed_in_user_can_call_the_api(client: FlaskClient, ana: User, desk: Desk):
    tokens = log_in(client).body
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    answer = client.get("/api/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    held = ["lead:assign", "lead:convert", "lead:create", "lead:import", "lead:private", "lead:read", "lead:update"]
    assert answer.json == {
        "id": str(ana.id),
        "name": "Ana",
        "email": "Ana@clinic.example",
        "role": "treatment_coordinator",
        "team_id": None,
        "permissions": held,
        "scopes": dict.fromkeys(held, "all"),
        "api_key_id": None,
        "clinic": {
            "id": str(desk.clinic_id),
            "name": "A clinic",
            "timezone": "America/New_York",
            "region": "US",
            "language": "en",
        },
    }


def test_email_ignores_case_and_password_does_not(client: FlaskClient):
    assert log_in(client, "ana@CLINIC.example").status == 200
    assert log_in(client, password=PASSWORD.upper()).status == 401


def test_unknown_disabled_and_wrong_password_get_the_same_answer(client: FlaskClient, desk: Desk):
    answers = [log_in(client, "nobody@clinic.example"), log_in(client, password="wrong umbrellas")]
    desk.sql("UPDATE users SET is_active = false WHERE name = 'Ana'")
    answers.append(log_in(client))
    assert [answer.status for answer in answers] == [401, 401, 401]
    assert len({(a.body["code"], a.body["title"], a.body["detail"]) for a in answers}) == 1


def test_sign_in_is_logged(client: FlaskClient, desk: Desk):
    log_in(client)
    assert desk.sql("SELECT count(*) FROM users WHERE name = 'Ana' AND last_login_at > now() - interval '1 minute'")[
        0
    ] == (1,)


def test_password_and_tokens_are_not_stored_in_plain_text(client: FlaskClient, desk: Desk):
    tokens = log_in(client).body
    kept = str(desk.sql("SELECT * FROM users")) + str(desk.sql("SELECT * FROM sign_ins"))
    assert "$argon2id$" in kept
    for secret in (PASSWORD, tokens["access_token"], tokens["refresh_token"]):
        assert secret not in kept


# --- too many attempts ---


def test_too_many_wrong_passwords_from_one_address_are_limited(client: FlaskClient):
    for _ in range(PER_ADDRESS_AND_ACCOUNT):
        assert log_in(client, password="wrong umbrellas").status == 401
    refused = log_in(client)
    assert (refused.status, refused.body["code"]) == (429, "too-many-requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 300


def test_limit_does_not_affect_other_addresses_or_accounts(client: FlaskClient):
    for _ in range(PER_ADDRESS_AND_ACCOUNT + 1):
        log_in(client, password="wrong umbrellas")
    assert log_in(client, place="192.0.2.2").status == 200
    assert log_in(client, "nobody@clinic.example").status == 401


def test_unknown_account_is_limited_like_a_known_one(client: FlaskClient):
    answers = [log_in(client, "nobody@clinic.example").status for _ in range(PER_ADDRESS_AND_ACCOUNT + 1)]
    assert answers == [401] * PER_ADDRESS_AND_ACCOUNT + [429]


def test_correct_passwords_do_not_count(client: FlaskClient):
    assert {log_in(client).status for _ in range(PER_ADDRESS_AND_ACCOUNT + 1)} == {200}


def test_correct_password_does_not_give_new_attempts(client: FlaskClient):
    """An address may have an account elsewhere, whose password somebody guesses between own sign-ins."""
    for _ in range(PER_ADDRESS_AND_ACCOUNT - 1):
        assert log_in(client, password="wrong umbrellas").status == 401
    assert log_in(client).status == 200
    assert [log_in(client, password="wrong umbrellas").status for _ in range(2)] == [401, 429]


def test_attempts_on_many_accounts_reach_the_limit_of_the_address(client: FlaskClient):
    answers = [log_in(client, f"user{i}@clinic.example", "x").status for i in range(61)]
    assert answers == [401] * 60 + [429]


def test_refused_attempts_of_one_address_do_not_lock_the_account(client: FlaskClient):
    for _ in range(PER_ACCOUNT + 10):
        log_in(client, password="wrong umbrellas", place="203.0.113.9")
    assert log_in(client, password="wrong umbrellas", place="203.0.113.9").status == 429
    assert log_in(client, place="192.0.2.2").status == 200


def test_refused_attempts_on_one_account_do_not_limit_colleagues_at_the_address(client: FlaskClient):
    for _ in range(PER_ADDRESS + 10):
        log_in(client, "nobody@clinic.example", "wrong umbrellas")
    assert log_in(client).status == 200


def test_attackers_at_many_addresses_are_limited_and_do_not_lock_out_the_usual_place(client: FlaskClient):
    assert log_in(client, place="192.0.2.1").status == 200
    places = [f"203.0.113.{number}" for number in range(PER_ACCOUNT + 1)]
    answers = [log_in(client, password="wrong umbrellas", place=place).status for place in places]
    assert answers == [401] * PER_ACCOUNT + [429]
    assert log_in(client, place="192.0.2.1").status == 200


def test_addresses_of_one_ipv6_network_share_their_attempts(client: FlaskClient):
    for number in range(PER_ADDRESS_AND_ACCOUNT):
        assert log_in(client, password="wrong umbrellas", place=f"2001:db8:1:2::{number + 1:x}").status == 401
    assert log_in(client, place="2001:db8:1:2:ffff::1").status == 429
    assert log_in(client, place="2001:db8:1:3::1").status == 200


def test_refused_requests_of_one_address_leave_password_links_of_others(client: FlaskClient):
    def ask(email: str, place: str) -> int:
        return post(client, "/api/auth/password-link", {"email": email}, place=place).status

    for number in range(MESSAGES_PER_ADDRESS):
        assert ask(f"user{number}@clinic.example", "203.0.113.9") == 202
    assert [ask(EMAIL, "203.0.113.9") for _ in range(MESSAGES_PER_RECIPIENT)] == [429] * MESSAGES_PER_RECIPIENT
    assert ask(EMAIL, "192.0.2.1") == 202


def test_sign_in_works_while_the_counter_store_is_unavailable(client: FlaskClient, valkey: Valkey):
    valkey.stop()
    try:
        assert log_in(client).status == 200
    finally:
        valkey.start()


def test_counters_contain_no_plain_address(client: FlaskClient, valkey: Valkey):
    log_in(client, password="wrong umbrellas")
    names = [name.decode() for name in valkey.client().keys("relance:attempts:*")]
    assert len(names) == 3
    assert not [name for name in names if "ana" in name.lower() or "192.0.2.1" in name]


# --- staying ---


def test_refresh_gives_new_tokens(client: FlaskClient):
    first = log_in(client).body
    second = refresh(client, first["refresh_token"]).body
    assert second["refresh_token"] != first["refresh_token"]
    assert me(client, second["access_token"]) == 200
    assert refresh(client, second["refresh_token"]).status == 200


def test_reused_refresh_token_ends_the_session(client: FlaskClient):
    first = log_in(client).body
    second = refresh(client, first["refresh_token"]).body
    assert refresh(client, first["refresh_token"]).status == 401
    assert refresh(client, second["refresh_token"]).status == 401
    assert me(client, first["access_token"]) == me(client, second["access_token"]) == 401


def test_second_of_two_concurrent_refreshes_counts_as_reuse(client: FlaskClient):
    token = log_in(client).body["refresh_token"]
    clients = [client.application.test_client() for _ in range(2)]
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda one: refresh(one, token).status, clients))
    assert sorted(answers) == [200, 401]


def test_other_sessions_of_the_user_continue(client: FlaskClient):
    phone, desktop = log_in(client).body, log_in(client).body
    refresh(client, phone["refresh_token"])
    refresh(client, phone["refresh_token"])
    assert me(client, desktop["access_token"]) == 200


# --- out ---


def test_sign_out_ends_access_and_refresh_at_once(client: FlaskClient):
    tokens = log_in(client).body
    answer = post(client, "/api/auth/logout", token=tokens["access_token"])
    assert (answer.status, answer.body) == (204, None)
    assert me(client, tokens["access_token"]) == 401
    assert refresh(client, tokens["refresh_token"]).status == 401
    assert post(client, "/api/auth/logout", token=tokens["access_token"]).status == 401


def test_disabled_user_loses_access_at_the_next_call(client: FlaskClient, desk: Desk):
    tokens = log_in(client).body
    desk.sql("UPDATE users SET is_active = false WHERE name = 'Ana'")
    assert me(client, tokens["access_token"]) == 401
    assert refresh(client, tokens["refresh_token"]).status == 401


def test_expired_session_overrides_valid_tokens(client: FlaskClient, desk: Desk):
    tokens = log_in(client).body
    desk.sql("UPDATE sign_ins SET expires_at = now()")
    assert me(client, tokens["access_token"]) == 401
    assert refresh(client, tokens["refresh_token"]).status == 401


def test_changed_role_applies_to_the_next_call(desk: Desk):
    coordinator: Caller = desk.coordinator
    source = {"name": "Poster", "category": "PRINT_AD"}
    assert coordinator.post("/api/lead-sources", source).status == 403
    desk.sql("UPDATE users SET role = 'clinic_admin' WHERE id = :id", id=UUID(coordinator.id))
    assert coordinator.post("/api/lead-sources", source).status == 201


# --- without ---


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "bearer x", "Basic YTpi", "Bearer a.b.c", "Bearer rk_", "Bearer " + "x" * 8000]
)
def test_invalid_credential_is_401(client: FlaskClient, header: str):
    answer = client.get("/api/me", headers={"Authorization": header})
    assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "body", [{}, {"email": EMAIL}, {"email": 5, "password": PASSWORD}, {"email": "", "password": ""}]
)
def test_incomplete_sign_in_is_422(client: FlaskClient, body: dict[str, Any]):
    assert post(client, "/api/auth/login", body).status == 422
