"""Common parts of every response: problem details, request id, headers and log line."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.core.db import transaction
from app.errors import Conflict, TooManyRequests
from app.http.access import PUBLIC, allow
from app.ops.embedded import Postgres
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

MEMBERS = {"type", "title", "status", "detail", "instance", "request_id", "code"}


@pytest.fixture(scope="module")
def api() -> Flask:
    """The API with additional routes that fail in ways no real route should."""
    app = create_app()
    app.add_url_rule("/crash", view_func=allow(PUBLIC)(crash))
    app.add_url_rule("/busy", view_func=allow(PUBLIC)(wait))
    app.add_url_rule("/clash", view_func=allow(PUBLIC)(clash))
    app.add_url_rule("/deadlock", view_func=allow(PUBLIC)(deadlock))
    app.add_url_rule("/forbidden-row", view_func=allow(PUBLIC)(quote_a_row))
    return app


@pytest.fixture
def client(api: Flask) -> Iterator[FlaskClient]:
    with api.test_client() as client:
        yield client


def crash() -> Any:
    raise RuntimeError("the secret plan")


def wait() -> Any:
    raise TooManyRequests(17)


def clash() -> Any:
    raise Conflict("Somebody was faster.")


def quote_a_row() -> Any:
    """Raise an error whose message quotes a row: `Key (slug)=(canary-5550143) already exists.`"""
    with transaction() as session:
        for _ in range(2):
            session.connection().exec_driver_sql(
                "INSERT INTO clinics (id, name, slug, timezone, region, business_hours, closed_dates,"
                " stale_after_days, rules_version, created_at)"
                " VALUES (gen_random_uuid(), '', 'canary-5550143', 'UTC', 'US', '{}', '{}', 1, 1, now())"
            )


def deadlock() -> None:
    """End as a statement on the driver's connection that PostgreSQL cancels to end a deadlock."""
    with transaction() as session:
        driver = session.connection().connection.driver_connection
        assert driver is not None
        driver.execute("DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$")


def problem(response: TestResponse) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = json.loads(response.data)
    assert body["status"] == response.status_code
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert set(body) - {"errors"} == MEMBERS
    return body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/api/leads/not-an-id", 404, "not-found"),
        ("DELETE", "/api/leads", 405, "method-not-allowed"),
        ("OPTIONS", "/api/leads", 405, "method-not-allowed"),
        ("GET", "/api/me", 401, "unauthenticated"),
        ("GET", "/clash", 409, "conflict"),
        ("GET", "/deadlock", 409, "conflict"),
        ("GET", "/busy", 429, "too-many-requests"),
        ("GET", "/crash", 500, "internal-server-error"),
    ],
)
def test_every_error_is_a_problem(client: FlaskClient, method: str, path: str, status: int, code: str):
    body = problem(client.open(path, method=method))
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:relance:problem:{code}")
    assert body["instance"] == path


def test_refusal_names_the_remedy(client: FlaskClient):
    assert set(client.delete("/api/leads").headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert client.get("/busy").headers["Retry-After"] == "17"
    assert client.get("/api/me").headers["WWW-Authenticate"].startswith("Bearer")
    assert problem(client.get("/clash"))["detail"] == "Somebody was faster."


def test_exception_is_hidden_from_the_caller_and_logged(client: FlaskClient, capsys: pytest.CaptureFixture[str]):
    answer = client.get("/crash")
    told = answer.get_data(as_text=True)
    assert "secret plan" not in told
    assert "Traceback" not in told
    crashes = [line for line in log_lines(capsys) if line["event"] == "request_crashed"]
    assert [line["request_id"] for line in crashes] == [answer.headers["X-Request-Id"]]
    assert "in crash" in crashes[0]["crash"]


def test_database_error_is_logged_without_the_row(
    client: FlaskClient, clean_database: None, capsys: pytest.CaptureFixture[str]
):
    assert client.get("/forbidden-row").status_code == 500
    logged = json.dumps(log_lines(capsys))
    assert "23505" in logged  # unique_violation
    assert "5550143" not in logged


def log_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]


def test_every_response_has_its_own_request_id(client: FlaskClient):
    ids = {client.get("/livez").headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)


def test_well_formed_request_id_of_the_caller_is_used(client: FlaskClient):
    assert client.get("/livez", headers={"X-Request-Id": "web-2026.01:42"}).headers["X-Request-Id"] == "web-2026.01:42"


@pytest.mark.parametrize("offered", ["short", "with space in it", "<script>alert(1)</script>", "x" * 65, "é" * 10])
def test_malformed_request_id_is_replaced(client: FlaskClient, offered: str):
    answer = client.get("/livez", headers={"X-Request-Id": offered.encode().decode("latin-1")})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


@pytest.mark.parametrize("path", ["/livez", "/api/me", "/nowhere", "/crash", "/openapi.json", "/docs"])
def test_responses_forbid_caching_sniffing_and_sharing(client: FlaskClient, path: str):
    headers = client.get(path, headers={"Origin": "https://elsewhere.example"}).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not [name for name, _ in headers if name.startswith("Access-Control")]
    assert "Server" not in headers


def test_call_is_one_log_line_without_its_input(desk: Desk, capsys: pytest.CaptureFixture[str]):
    lead_id = uuid4()
    capsys.readouterr()
    desk.admin.get(f"/api/leads/{lead_id}")
    desk.admin.get("/api/leads", cursor="canary-cursor")
    desk.admin.client.get("/canary-path")
    lines = [line for line in log_lines(capsys) if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GET", "/api/leads/<uuid:lead_id>", 404),
        ("GET", "/api/leads", 422),
        ("GET", None, 404),
    ]
    assert lines[0]["ids"] == {"lead_id": str(lead_id)}
    assert (lines[0]["user_id"], lines[0]["clinic_id"]) == (desk.admin.id, str(desk.clinic_id))
    assert "canary" not in json.dumps(lines)


def test_health_probes_are_not_logged(client: FlaskClient, clean_database: None, capsys: pytest.CaptureFixture[str]):
    assert client.get("/livez").json == {"status": "alive"}
    assert client.get("/readyz").json == {"status": "ready"}
    assert log_lines(capsys) == []


@pytest.mark.parametrize(("change", "status"), [("'0001'", 503), ("'9999'", 200), ("version_num", 200)])
def test_readiness_requires_the_schema_version_or_a_newer_one(
    client: FlaskClient, clean_database: None, postgres: Postgres, change: str, status: int
):
    with postgres.connect("relance") as owner:
        [(present,)] = owner.execute("SELECT version_num FROM alembic_version").fetchall()
        owner.execute(f"UPDATE alembic_version SET version_num = {change}")
    try:
        assert client.get("/readyz").status_code == status
    finally:
        with postgres.connect("relance") as owner:
            owner.execute("UPDATE alembic_version SET version_num = %s", [present])


def test_broken_pooled_connections_are_replaced(desk: Desk, postgres: Postgres):
    assert desk.admin.get("/api/me").status == 200
    postgres.restart()
    assert desk.admin.get("/api/me").status == 200


def test_unavailable_database_is_reported_and_the_api_recovers(desk: Desk, postgres: Postgres):
    client = desk.admin.client
    postgres.stop()
    answer = desk.admin.get("/api/me")
    assert (answer.status, answer.body["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert client.get("/readyz").status_code == 503
    assert client.get("/livez").status_code == 200
    postgres.start()
    assert client.get("/readyz").status_code == 200
    assert desk.admin.get("/api/me").status == 200
