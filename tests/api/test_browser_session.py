"""Sign-in in a browser: the cookie, its renewal, and requests of other sites."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.http import parse_cookie
from werkzeug.test import TestResponse

from app.core.db import transaction
from app.identity.models import Role
from app.identity.service import create_user
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


def test_reused_cookie_revokes_the_sign_in(client: FlaskClient):
    sign_in(client)
    stolen = cookie_of(client)
    renewed = refresh(client)
    client.set_cookie("relance_refresh", stolen or "", path="/api/auth")
    refused = refresh(client)
    assert (refused.status_code, cookie_of(client)) == (401, None)
    assert me(client, renewed) == 401


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
