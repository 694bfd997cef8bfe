"""One's own sessions over REST: where a user is signed in, and the end of these sessions."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.core.db import transaction
from app.identity.models import Role
from app.identity.service import create_user
from tests.support.desk import Caller, Desk, the_app

pytest_plugins = ["tests.support.desk"]

PATH = "/api/me/sessions"
EMAIL, PASSWORD = "ana@clinic.example", "seven green umbrellas"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def ana(desk: Desk) -> FlaskClient:
    """A client for a coordinator with a password."""
    with transaction() as session:
        create_user(
            session, desk.clinic_id, email=EMAIL, name="Ana", role=Role.TREATMENT_COORDINATOR, password=PASSWORD
        )
    return the_app().test_client()


def sign_in(client: FlaskClient, address: str = "192.0.2.1", program: str = FIREFOX) -> str:
    """Sign in and return the access token."""
    answer = client.post(
        "/api/auth/login",
        json={"email": EMAIL, "password": PASSWORD},
        headers={"User-Agent": program},
        environ_base={"REMOTE_ADDR": address},
    )
    assert answer.status_code == 200
    token: str = answer.get_json()["access_token"]
    return token


def call(client: FlaskClient, token: str, method: str = "GET", path: str = PATH) -> Any:
    return client.open(path, method=method, headers={"Authorization": f"Bearer {token}"})


def sessions(client: FlaskClient, token: str) -> list[Any]:
    items: list[Any] = call(client, token).get_json()["items"]
    return items


def test_sessions_say_where_from_and_which_is_this_one(ana: FlaskClient):
    home, work = sign_in(ana, "192.0.2.1"), sign_in(ana, "198.51.100.7", "x" * 400)
    newest, oldest = sessions(ana, home)
    assert (oldest["address"], oldest["client"], oldest["is_current"]) == ("192.0.2.1", FIREFOX, True)
    assert (newest["address"], newest["client"], newest["is_current"]) == ("198.51.100.7", "x" * 300, False)
    assert oldest["created_at"] == oldest["last_used_at"] < oldest["expires_at"]
    assert [one["is_current"] for one in sessions(ana, work)] == [True, False]


def test_ended_session_cannot_be_used(ana: FlaskClient, desk: Desk):
    home, work = sign_in(ana), sign_in(ana)
    newest, _ = sessions(ana, home)
    assert call(ana, home, "DELETE", f"{PATH}/{newest['id']}").status_code == 204
    assert call(ana, work).status_code == 401
    assert len(sessions(ana, home)) == 1
    assert call(ana, home, "DELETE", f"{PATH}/{newest['id']}").status_code == 404
    [entry] = [one for one in desk.admin.every("/api/audit") if one["subject"] == "session"]
    assert (entry["operation"], entry["act"]) == ("sessions.end_my_session", "delete")


def test_all_other_sessions_are_ended(ana: FlaskClient):
    home, *others = (sign_in(ana) for _ in range(3))
    assert call(ana, home, "POST", f"{PATH}/end-others").get_json() == {"ended": 2}
    assert [call(ana, token).status_code for token in (home, *others)] == [200, 401, 401]
    assert call(ana, home, "POST", f"{PATH}/end-others").get_json() == {"ended": 0}


def test_sessions_of_others_are_not_found(ana: FlaskClient, desk: Desk, other_desk: Desk):
    token = sign_in(ana)
    [mine] = sessions(ana, token)
    for stranger in (desk.admin, desk.coordinator, other_desk.admin):
        assert mine["id"] not in [one["id"] for one in stranger.get(PATH).body["items"]]
        assert stranger.delete(f"{PATH}/{mine['id']}").status == 404
        assert stranger.post(f"{PATH}/end-others").body == {"ended": 0}
    assert call(ana, token).status_code == 200


def test_idle_session_is_not_listed(ana: FlaskClient, desk: Desk, configure: Callable[..., None]):
    configure(idle_timeout_minutes=15)
    home = sign_in(ana)
    sign_in(ana)
    newest, _ = sessions(ana, home)
    desk.sql("UPDATE sign_ins SET last_used_at = now() - interval '2 days' WHERE id = :id", id=newest["id"])
    assert [one["is_current"] for one in sessions(ana, home)] == [True]


def test_program_has_no_sessions(desk: Desk):
    program: Caller = desk.program("lead:read")
    assert program.get(PATH).status == 403
    assert program.post(f"{PATH}/end-others").status == 403


def test_address_and_client_are_encrypted(ana: FlaskClient, desk: Desk):
    sign_in(ana)
    rows = desk.sql("SELECT sealed FROM sign_ins WHERE sealed IS NOT NULL")
    assert rows
    assert all(b"Firefox" not in bytes(row.sealed) for row in rows)
