"""Idle time-out: sign-ins of users who see health data end after some minutes without a call."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from app.clock import now
from app.core.db import transaction
from app.identity.models import Role
from app.identity.service import create_user
from tests.support.desk import Desk, the_app

pytest_plugins = ["tests.support.desk"]

PASSWORD = "seven green umbrellas"


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    with the_app().test_client() as client:
        yield client


@pytest.fixture(autouse=True)
def limit(configure: Callable[..., None]) -> None:
    configure(idle_timeout_minutes=15, access_token_minutes=60)


def log_in(desk: Desk, client: FlaskClient, role: Role) -> dict[str, str]:
    with transaction() as session:
        create_user(session, desk.clinic_id, email="a@clinic.example", name="A", role=role, password=PASSWORD)
    tokens = client.post("/api/auth/login", json={"email": "a@clinic.example", "password": PASSWORD}).json
    assert tokens is not None
    return dict(tokens)


def me(client: FlaskClient, tokens: dict[str, str]) -> int:
    """Call, and read the whole answer: the last use is saved after the answer."""
    answer = client.get("/api/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    answer.close()
    return answer.status_code


def refresh(client: FlaskClient, tokens: dict[str, str]) -> int:
    return client.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code


@pytest.mark.parametrize("role", [Role.DOCTOR, Role.FRONT_DESK, Role.CLINIC_ADMIN])
def test_idle_sign_in_ends_for_roles_that_see_health_data(desk: Desk, client: FlaskClient, role: Role):
    tokens, start = log_in(desk, client, role), now()
    with time_machine.travel(start + timedelta(minutes=14), tick=False):
        assert me(client, tokens) == 200
    with time_machine.travel(start + timedelta(minutes=28), tick=False):
        assert me(client, tokens) == 200
    with time_machine.travel(start + timedelta(minutes=44), tick=False):
        assert (me(client, tokens), refresh(client, tokens), me(client, tokens)) == (401, 401, 401)


def test_idle_sign_in_cannot_be_refreshed_later(desk: Desk, client: FlaskClient):
    tokens, start = log_in(desk, client, Role.DOCTOR), now()
    with time_machine.travel(start + timedelta(minutes=16), tick=False):
        assert refresh(client, tokens) == 401
    assert me(client, tokens) == 401


def test_other_roles_have_no_idle_timeout(desk: Desk, client: FlaskClient):
    tokens, start = log_in(desk, client, Role.MARKETING_MANAGER), now()
    with time_machine.travel(start + timedelta(minutes=50), tick=False):
        assert (me(client, tokens), refresh(client, tokens)) == (200, 200)


def test_idle_timeout_can_be_switched_off(desk: Desk, client: FlaskClient, configure: Callable[..., None]):
    configure(idle_timeout_minutes=0, access_token_minutes=60)
    tokens, start = log_in(desk, client, Role.DOCTOR), now()
    with time_machine.travel(start + timedelta(minutes=50), tick=False):
        assert me(client, tokens) == 200
