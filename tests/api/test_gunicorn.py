"""HTTP behavior behind the real server."""

from collections.abc import Iterator

import httpx
import psutil
import pytest

from app.clock import now
from tests.support.desk import Desk
from tests.support.processes import Process, Processes, wait_until

pytest_plugins = ["tests.support.desk"]


@pytest.fixture(scope="module")
def server(shared_processes: Processes) -> Process:
    return shared_processes.start_web()


@pytest.fixture
def web(desk: Desk, server: Process) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=30)


def test_client_that_is_still_sending_can_read_the_refusal(web: httpx.Client, desk: Desk):
    known = {"Authorization": f"Bearer {desk.admin.token}"}
    for headers, status in [({}, 401), (known, 413), (known, 413)]:
        answer = web.post(
            "/api/leads", content=b"x" * 5_000_000, headers={**headers, "Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert web.get("/api/me", headers=known).status_code == 200


def test_chunked_body_is_accepted(web: httpx.Client, desk: Desk):
    pieces = iter([b'{"name": "Poster", ', b'"category": "OTHER"}'])
    headers = {"Authorization": f"Bearer {desk.admin.token}", "Content-Type": "application/json"}
    assert web.post("/api/lead-sources", content=pieces, headers=headers).status_code == 201


def test_slow_large_body_holds_no_transaction(web: httpx.Client, desk: Desk, server: Process):
    began = now()

    def is_authenticated_and_idle() -> bool:
        asked = "SELECT state FROM pg_stat_activity WHERE application_name = :web AND state_change > :began"
        return [row.state for row in desk.sql(asked, web=f"relance:{worker.pid}", began=began)] == ["idle"]

    def pieces() -> Iterator[bytes]:
        yield b"Name,Phone\n"
        wait_until(is_authenticated_and_idle, 60, "the call to be let in, and its transaction to be over")
        yield b"Ana Ruiz,2125550143\n"

    [worker] = psutil.Process(server.pid).children()
    known = {"Authorization": f"Bearer {desk.admin.token}", "Content-Type": "text/csv", "Idempotency-Key": "file"}
    answer = httpx.post(f"{web.base_url}/api/imports", content=pieces(), headers=known, timeout=30)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/leads?" + "x" * 9000, {}, 414),
        ("/api/leads", {"X-Long": "x" * 20_000}, 431),
        ("/api/leads", {"Expect": "nonsense"}, 417),
    ],
)
def test_refusal_before_the_application_is_a_problem_document(
    web: httpx.Client, path: str, headers: dict[str, str], status: int
):
    answer = web.get(path, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json().keys() >= {"type", "title", "status", "detail", "instance", "request_id", "code"}
    assert (answer.json()["status"], "<" in answer.text) == (status, False)


def test_server_versions_are_hidden(web: httpx.Client):
    for path in ("/livez", "/docs", "/nowhere"):
        headers = web.get(path).headers
        assert not [name for name, value in headers.items() if name in {"server", "x-powered-by"} and "/" in value]


def test_last_use_of_a_key_is_recorded_after_the_response(web: httpx.Client, desk: Desk):
    key = desk.admin.post("/api/api-keys", {"name": "Form", "scopes": ["lead:read"]}).body["key"]
    assert web.get("/api/leads", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    wait_until(lambda: desk.sql("SELECT last_used_at FROM api_keys")[0][0] is not None, 60, "the use to be noted")
