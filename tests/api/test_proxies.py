"""Client address behind proxies: only as many as the operator configures are trusted."""

from collections.abc import Callable
from functools import cache

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from app import create_app
from app.identity.sign_in.attempts import PER_ADDRESS_AND_ACCOUNT

pytestmark = pytest.mark.usefixtures("clean_database", "clean_broker")

PROXY = "10.0.0.1"
CLIENT, ANOTHER = "203.0.113.7", "203.0.113.8"


@pytest.fixture
def client(configure: Callable[..., None]) -> Callable[..., FlaskClient]:
    """Return a client of the API with this setting."""

    def make(**settings: object) -> FlaskClient:
        configure(**settings)
        client = _app(tuple(settings.items())).test_client()
        client.environ_base["REMOTE_ADDR"] = PROXY
        return client

    return make


@cache
def _app(settings: tuple[tuple[str, object], ...]) -> Flask:
    """Return the application for a setting, cached because each description takes time."""
    return create_app()


def fail_to_log_in(client: FlaskClient, forwarded_for: str) -> int:
    wrong = {"email": "nobody@clinic.example", "password": "wrong umbrellas"}
    return client.post("/api/auth/login", json=wrong, headers={"X-Forwarded-For": forwarded_for}).status_code


def use_up(client: FlaskClient, forwarded_for: str) -> None:
    """Use all attempts of one address on one account; `{}` is the number of the attempt."""
    for number in range(PER_ADDRESS_AND_ACCOUNT):
        assert fail_to_log_in(client, forwarded_for.format(number)) == 401


def test_forged_header_is_ignored_by_default(client: Callable[..., FlaskClient]):
    direct = client()
    use_up(direct, "198.51.100.{}")
    assert fail_to_log_in(direct, ANOTHER) == 429


def test_clients_behind_a_proxy_are_limited_separately(client: Callable[..., FlaskClient]):
    behind = client(trusted_proxies=1)
    use_up(behind, CLIENT)
    assert fail_to_log_in(behind, CLIENT) == 429
    assert fail_to_log_in(behind, ANOTHER) == 401


@pytest.mark.parametrize("forged", ["198.51.100.{}", '"198.51.100.{}"', "{}, {}, {}", ",{}", '"{}', '"{}\\'])
def test_header_sent_by_the_client_gives_no_additional_attempts(client: Callable[..., FlaskClient], forged: str):
    behind = client(trusted_proxies=1)
    use_up(behind, f"{forged.replace('{}', '{0}')}, {CLIENT}")
    assert fail_to_log_in(behind, f"{forged.replace('{}', '99')}, {CLIENT}") == 429


def test_first_trusted_entry_counts_behind_two_proxies(client: Callable[..., FlaskClient]):
    behind = client(trusted_proxies=2)
    use_up(behind, f"198.51.100.{{}}, {CLIENT}, 10.0.0.2")
    assert fail_to_log_in(behind, f"{CLIENT}, 10.0.0.2") == 429
    assert fail_to_log_in(behind, f"{CLIENT}, {ANOTHER}, 10.0.0.2") == 401


def test_direct_call_counts_for_its_own_address(client: Callable[..., FlaskClient]):
    behind = client(trusted_proxies=2)
    use_up(behind, "198.51.100.{}")
    assert fail_to_log_in(behind, ANOTHER) == 429


@pytest.mark.parametrize(("proxies", "seen"), [(0, "http://localhost/livez"), (1, "https://leads.example/livez")])
def test_scheme_and_host_of_a_trusted_proxy_are_used(client: Callable[..., FlaskClient], proxies: int, seen: str):
    forwarded = {"X-Forwarded-Proto": "gopher, https", "X-Forwarded-Host": "evil.example, leads.example"}
    with client(trusted_proxies=proxies) as behind:
        behind.get("/livez", headers=forwarded)
        assert request.url == seen
