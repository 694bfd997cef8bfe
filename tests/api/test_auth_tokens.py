"""Forged, misused and expired tokens."""

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa

from app.clock import now
from app.config import get_settings
from app.core.db import new_id
from app.core.key_derivation import key_for
from app.identity.sign_in.tokens import write_refresh
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]


@pytest.fixture
def admin(desk: Desk) -> Caller:
    return desk.admin


def claims(admin: Caller, **changed: Any) -> dict[str, Any]:
    """Return the claims of a valid access token with these changes; None removes a claim."""
    at = int(now().timestamp())
    good = {
        "iss": "relance",
        "aud": "relance-api",
        "sub": admin.id,
        "sid": str(admin.actor.sign_in_id),
        "jti": str(new_id()),
        "iat": at,
        "nbf": at,
        "exp": at + 60,
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def sign(payload: dict[str, Any], key: Any = None, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode(payload, key or key_for("at+jwt"), algorithm, headers={"typ": "at+jwt", **header})


def status(admin: Caller, token: str) -> int:
    answer = admin.client.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


def test_unchanged_token_is_accepted(admin: Caller):
    assert status(admin, sign(claims(admin))) == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody"},
        {"iss": None},
        {"aud": "another-api"},
        {"aud": ["relance-api", "another-api"]},
        {"aud": None},
        {"sub": None},
        {"sub": "not-an-id"},
        {"sub": 5},
        {"sid": None},
        {"sid": "not-an-id"},
        {"jti": None},
        {"exp": None},
        {"exp": 1},
        {"exp": "tomorrow"},
        {"nbf": None},
        {"nbf": 4_000_000_000},
        {"nbf": "yesterday"},
        {"iat": None},
    ],
    ids=str,
)
def test_every_claim_is_checked(admin: Caller, changed: dict[str, Any]):
    assert status(admin, sign(claims(admin, **changed))) == 401


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "rt+jwt"},
        {"kid": "../../dev/null"},
        {"kid": "1"},
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5u": "https://evil.example/cert"},
        {"crit": ["exp"]},
        {"b64": False},
    ],
    ids=str,
)
def test_token_with_a_manipulated_header_is_refused(admin: Caller, header: dict[str, Any]):
    assert status(admin, sign(claims(admin), **header)) == 401


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_other_algorithm_of_the_family_is_refused(admin: Caller, algorithm: str):
    assert status(admin, sign(claims(admin), key_for("at+jwt") * 2, algorithm)) == 401


def test_unsigned_token_is_refused(admin: Caller):
    for algorithm in ("none", "None", "NONE", "nOnE"):
        parts = ({"alg": algorithm, "typ": "at+jwt"}, claims(admin))
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        assert status(admin, ".".join([*encoded, ""])) == 401


def test_token_of_another_algorithm_family_is_refused(admin: Caller):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert status(admin, sign(claims(admin), key, "RS256")) == 401


@pytest.mark.parametrize("key", [b"another key that is long enough to be taken", key_for("rt+jwt"), key_for("cursor")])
def test_token_signed_with_another_key_is_refused(admin: Caller, key: bytes):
    assert status(admin, sign(claims(admin), key)) == 401


def test_secret_key_itself_does_not_sign_tokens(admin: Caller):
    assert status(admin, sign(claims(admin), get_settings().secret_key.get_secret_value())) == 401


def test_changed_token_is_refused(admin: Caller):
    head, body, signature = sign(claims(admin)).split(".")
    swapped = claims(admin, sub=str(new_id()))
    other = base64.urlsafe_b64encode(json.dumps(swapped).encode()).decode().rstrip("=")
    assert status(admin, f"{head}.{other}.{signature}") == 401
    assert status(admin, f"{head}.{body}.{signature[:-2]}") == 401
    assert status(admin, f"{head}.{body}") == 401


def test_refresh_token_is_no_access_token(admin: Caller):
    assert admin.actor.user_id is not None
    assert admin.actor.sign_in_id is not None
    expires_at = now() + timedelta(days=1)
    token = write_refresh(admin.actor.user_id, admin.actor.sign_in_id, new_id(), expires_at=expires_at)
    assert status(admin, token) == 401


def test_access_token_is_no_refresh_token(admin: Caller):
    answer = admin.client.post("/api/auth/refresh", json={"refresh_token": admin.token})
    assert answer.status_code == 401


def test_token_of_one_session_is_refused_for_another_user(admin: Caller, desk: Desk):
    assert status(admin, sign(claims(admin, sub=desk.doctor.id))) == 401


def test_token_expires(admin: Caller):
    token = sign(claims(admin))
    assert status(admin, token) == 200
    with time_machine.travel(now() + timedelta(seconds=61), tick=False):
        assert status(admin, token) == 401
    with time_machine.travel(now() - timedelta(seconds=30), tick=False):
        assert status(admin, token) == 401
    assert status(admin, token) == 200
