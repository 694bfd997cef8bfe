"""Sign-in in a browser: the cookie, its renewal, and requests of other sites."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.http import parse_cookie
from werkzeug.test import TestResponse

from app.core.db import transaction
from app.identity.models import Role
from app.identity.service import create_user
from app.identity.sign_in.tokens import read_refresh
from tests.support.desk import Desk, the_app

pytest_plugins = ["tests.support.desk"]

LOGIN = {"email": "ana@clinic.example", "password": "seven green umbrellas"}
PATH = "/api/auth/browser-session"
OWN = {"X-Relance-Console": "1", "Origin": "http://localhost"}


@pytest.fixture
def client(desk: Desk) -> Iterator[FlaskClient]:
    with transaction() as session:
        create_user(session, desk.clinic_id, name="Ana", role=Role.TREATMENT_COORDINATOR, **LOGIN)
    with the_app().test_client() as client:
        yield client


def sign_in(client: FlaskClient, **more: Any) -> TestResponse:
    return client.post(PATH, json=LOGIN, headers=OWN, **more)


def refresh(client: FlaskClient) -> TestResponse:
    return client.post(f"{PATH}/refresh", headers=OWN)


def me(client: FlaskClient, answer: TestResponse) -> int:
    token = answer.get_json()["access_token"]
    return client.get("/api/me", headers={"Authorization": f"Bearer {token}"}).status_code


def cookie_of(client: FlaskClient) -> str | None:
    found = client.get_cookie("relance_refresh", path="/api/auth")
    return found.value if found else None


def test_refresh_token_is_only_in_a_cookie_that_scripts_cannot_read(client: FlaskClient):
    answer = sign_in(client)
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert {part.strip() for part in cookie.split(";")[1:]} == {"HttpOnly", "Path=/api/auth", "SameSite=Strict"}
    assert set(answer.get_json()) == {"access_token", "token_type", "expires_in"}
    assert parse_cookie(cookie)["relance_refresh"] not in answer.get_data(as_text=True)
    assert me(client, answer) == 200


def test_cookie_is_secure_with_https(client: FlaskClient):
    answer = client.post(PATH, json=LOGIN, headers=OWN, base_url="https://localhost")
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_cookie_is_not_a_credential_of_other_routes(client: FlaskClient):
    sign_in(client)
    assert client.get("/api/me").status_code == 401


def test_each_refresh_replaces_the_cookie(client: FlaskClient):
    sign_in(client)
    first = cookie_of(client)
    assert me(client, refresh(client)) == 200
    assert cookie_of(client) not in {None, first}
    assert me(client, refresh(client)) == 200


def send_again(client: FlaskClient, cookie: str | None, *, after: int = 0) -> TestResponse:
    """Refresh with an earlier cookie, so many seconds after the last refresh."""
    with transaction() as session:
        session.execute(
            text("UPDATE sign_ins SET refreshed_at = refreshed_at - make_interval(secs => :s)"), {"s": after}
        )
    client.set_cookie("relance_refresh", cookie or "", path="/api/auth")
    return refresh(client)


def test_reused_cookie_revokes_the_sign_in(client: FlaskClient):
    sign_in(client)
    stolen = cookie_of(client)
    renewed = refresh(client)
    refused = send_again(client, stolen, after=11)
    assert (refused.status_code, cookie_of(client)) == (401, None)
    assert me(client, renewed) == 401


def test_first_visit_without_a_cookie_is_no_error(client: FlaskClient):
    answer = refresh(client)
    assert (answer.status_code, answer.data, "Set-Cookie" in answer.headers) == (204, b"", False)
    client.set_cookie("relance_refresh", "broken", path="/api/auth")
    assert refresh(client).status_code == 401


def test_reload_during_a_refresh_stays_signed_in(client: FlaskClient):
    """The first page never stored the new cookie; the second one sends the old one again."""
    sign_in(client)
    first = cookie_of(client)
    refresh(client)
    lost = cookie_of(client)
    answer = send_again(client, first)
    assert (me(client, answer), token_id(cookie_of(client))) == (200, token_id(lost))
    assert me(client, refresh(client)) == 200


def test_concurrent_refreshes_of_two_tabs_both_succeed(client: FlaskClient):
    sign_in(client)
    cookie, clients = cookie_of(client) or "", [the_app().test_client() for _ in range(4)]
    for one in clients:
        one.set_cookie("relance_refresh", cookie, path="/api/auth")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(refresh, clients))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({token_id(cookie_of(one)) for one in clients}) == 1


@pytest.mark.parametrize("first", ["thief", "owner"])
def test_cookie_that_is_stolen_within_the_grace_is_found_out_later(client: FlaskClient, first: str):
    """Both have the same cookie then. The one who uses it second, after the grace, ends the sign-in of both."""
    sign_in(client)
    stolen = cookie_of(client)
    owner = (refresh(client), cookie_of(client))
    thief = (send_again(client, stolen), cookie_of(client))
    assert thief[0].status_code == 200
    one, other = (thief, owner) if first == "thief" else (owner, thief)
    renewed = send_again(client, one[1])
    assert renewed.status_code == 200
    assert send_again(client, other[1], after=11).status_code == 401
    assert [me(client, answer) for answer in (owner[0], thief[0], renewed)] == [401] * 3


def test_cookie_before_the_former_one_has_no_grace(client: FlaskClient):
    sign_in(client)
    first = cookie_of(client)
    refresh(client)
    refresh(client)
    assert send_again(client, first).status_code == 401


def token_id(cookie: str | None) -> object:
    return read_refresh(cookie or "").token_id


def test_sign_out_revokes_the_sign_in_and_removes_the_cookie(client: FlaskClient):
    signed_in = sign_in(client)
    assert client.delete(PATH, headers=OWN).status_code == 204
    assert cookie_of(client) is None
    assert me(client, signed_in) == 401
    assert client.delete(PATH, headers=OWN).status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"X-Relance-Console": "1"},
        {"X-Relance-Console": "1", "Origin": "null"},
        {"X-Relance-Console": "1", "Origin": "https://evil.example"},
        {"X-Relance-Console": "1", "Origin": "http://localhost.evil.example"},
        {"X-Relance-Console": "1", "Origin": "http://localhost:9000"},
    ],
    ids=str,
)
def test_requests_of_other_sites_are_refused(client: FlaskClient, headers: dict[str, str]):
    sign_in(client)
    kept = cookie_of(client)
    answers = [
        client.post(PATH, json=LOGIN, headers=headers),
        client.post(f"{PATH}/refresh", headers=headers),
        client.delete(PATH, headers=headers),
    ]
    assert [(one.status_code, one.get_json()["code"]) for one in answers] == [(403, "cross-site-request")] * 3
    assert cookie_of(client) == kept
    assert me(client, refresh(client)) == 200


def test_no_preflight_of_another_site_is_allowed(client: FlaskClient):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Headers": "x-relance-console"}
    answer = client.options(f"{PATH}/refresh", headers=asked)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_wrong_password_sets_no_cookie(client: FlaskClient):
    answer = client.post(PATH, json={**LOGIN, "password": "wrong umbrellas"}, headers=OWN)
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (401, None)
