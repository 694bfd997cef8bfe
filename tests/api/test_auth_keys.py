"""API keys: creation, scopes, expiry and revocation."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.clock import now
from app.identity.permissions import Permission
from tests.support.desk import Answer, Caller, Desk

pytest_plugins = ["tests.support.desk"]


def make(desk: Desk, *scopes: str, **more: Any) -> dict[str, Any]:
    answer = desk.admin.post("/api/api-keys", {"name": "Website form", "scopes": list(scopes), **more})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def program(desk: Desk, key: dict[str, Any]) -> Caller:
    return Caller(desk.admin.client, key["key"], desk.admin.actor)


def use(desk: Desk, key: dict[str, Any]) -> None:
    """Call with the key and read the whole answer: the last use is recorded after the answer."""
    desk.admin.client.get("/api/me", headers={"Authorization": f"Bearer {key['key']}"}).close()


def last_use(desk: Desk) -> Any:
    return desk.admin.every("/api/api-keys")[0]["last_used_at"]


def me(desk: Desk, key: dict[str, Any]) -> Answer:
    return program(desk, key).get("/api/me")


def test_key_is_shown_once(desk: Desk):
    made = make(desk, "lead:create")
    assert made["key"].startswith(made["prefix"] + "_")
    listed = desk.admin.every("/api/api-keys")
    assert [key["id"] for key in listed] == [made["id"]]
    assert "key" not in listed[0]
    assert "secret_hash" not in listed[0]


def test_only_a_hash_of_the_secret_is_stored(desk: Desk):
    secret = make(desk, "lead:read")["key"].split("_", 2)[2]
    assert secret not in str(desk.sql("SELECT * FROM api_keys"))


def test_key_has_exactly_the_permissions_of_its_scopes(desk: Desk):
    robot = program(desk, make(desk, "lead:create"))
    assert robot.post("/api/leads", desk.lead_data()).status == 201
    assert robot.get("/api/leads").status == 403
    assert robot.get("/api/api-keys").status == 403


def test_key_can_read_its_own_identity(desk: Desk):
    key = make(desk, "lead:read", "lead:create")
    body = me(desk, key).body
    assert (body["id"], body["email"], body["role"]) == (None, None, None)
    assert (body["name"], body["api_key_id"]) == ("Website form", key["id"])
    assert body["permissions"] == ["lead:create", "lead:read"]


def test_key_is_not_a_person_as_creator(desk: Desk):
    lead = program(desk, make(desk, "lead:create")).post("/api/leads", desk.lead_data()).body
    assert lead["created_by"] is None


def test_key_cannot_have_more_permissions_than_its_creator(desk: Desk):
    robot = program(desk, make(desk, "user:manage"))
    answer = robot.post("/api/api-keys", {"name": "more", "scopes": ["lead:read"]})
    assert (answer.status, answer.body["detail"]) == (403, "An API key cannot create API keys.")


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({}, ["/name", "/scopes"]),
        ({"name": "a", "scopes": []}, ["/scopes"]),
        ({"name": "a", "scopes": ["lead:delete"]}, ["/scopes/0"]),
        ({"name": "a", "scopes": ["lead:read"] * (len(Permission) + 1)}, ["/scopes"]),
        ({"name": "a", "scopes": ["lead:read"], "expires_at": "2020-01-01T00:00:00Z"}, ["/expires_at"]),
        ({"name": "a", "scopes": ["lead:read"], "expires_at": "2099-01-01T00:00:00"}, ["/expires_at"]),
        ({"name": "a", "scopes": ["lead:read"], "key": "rk_mine"}, ["/key"]),
        ({"name": "a", "scopes": ["lead:read"], "prefix": "rk_mine"}, ["/prefix"]),
    ],
)
def test_invalid_key_is_refused(desk: Desk, given: dict[str, Any], pointers: list[str]):
    assert desk.admin.post("/api/api-keys", given).pointers == pointers


def test_revoked_key_has_no_access_and_is_not_listed(desk: Desk):
    key = make(desk, "lead:read")
    assert me(desk, key).status == 200
    assert desk.admin._send("DELETE", f"/api/api-keys/{key['id']}").status == 204
    assert me(desk, key).status == 401
    assert desk.admin.every("/api/api-keys") == []
    assert desk.admin._send("DELETE", f"/api/api-keys/{key['id']}").status == 404


def test_expired_key_has_no_access(desk: Desk):
    key = make(desk, "lead:read", expires_at=(now() + timedelta(hours=1)).isoformat())
    assert me(desk, key).status == 200
    desk.sql("UPDATE api_keys SET expires_at = now()")
    assert me(desk, key).status == 401


def test_key_loses_access_with_its_creator(desk: Desk):
    key = make(desk, "lead:read", "user:manage")
    maker = UUID(desk.admin.id)
    desk.sql("UPDATE users SET role = 'front_desk' WHERE id = :id", id=maker)
    assert me(desk, key).body["permissions"] == ["lead:read"]
    desk.sql("UPDATE users SET is_active = false WHERE id = :id", id=maker)
    assert me(desk, key).status == 401


@pytest.mark.parametrize("spoil", ["secret", "prefix", "length", "mark"])
def test_almost_correct_key_is_refused(desk: Desk, spoil: str):
    key = make(desk, "lead:read")["key"]
    other = make(desk, "lead:read")["key"]
    spoiled = {
        "secret": key[:-1] + ("A" if key[-1] != "A" else "B"),
        "prefix": other[:13] + key[13:],
        "length": key + "A",
        "mark": key.replace("rk_", "RK_", 1),
    }
    assert me(desk, {"key": spoiled[spoil]}).status == 401


def test_last_use_is_recorded_once_a_minute(desk: Desk):
    key = make(desk, "lead:read")
    assert last_use(desk) is None
    use(desk, key)
    first = last_use(desk)
    assert first is not None
    use(desk, key)
    assert last_use(desk) == first
    desk.sql("UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds'")
    use(desk, key)
    assert last_use(desk) > first


def test_key_of_another_clinic_is_not_found(desk: Desk, other_desk: Desk):
    theirs = make(other_desk, "lead:read")
    assert desk.admin.every("/api/api-keys") == []
    foreign = desk.admin._send("DELETE", f"/api/api-keys/{theirs['id']}")
    unknown = desk.admin._send("DELETE", f"/api/api-keys/{uuid4()}")
    assert foreign.status == unknown.status == 404
    assert foreign.body["detail"] == unknown.body["detail"]
    assert me(other_desk, theirs).status == 200


def test_key_cannot_sign_out(desk: Desk):
    answer = program(desk, make(desk, "lead:read")).post("/api/auth/logout")
    assert (answer.status, answer.body["code"]) == (403, "forbidden")
