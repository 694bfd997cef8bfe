"""Live updates while processes are killed and the store is emptied: clients come back and miss nothing."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.ops.embedded import Valkey
from tests.support.desk import Desk
from tests.support.live import LiveClient, Received
from tests.support.processes import Process, Processes

pytest_plugins = ["tests.support.desk"]


@pytest.fixture
def web(processes: Processes) -> Process:
    return processes.start_web()


def capture(web: Process, desk: Desk) -> str:
    """Create a lead over HTTP, so that the web server announces it."""
    known = {"Authorization": f"Bearer {desk.admin.token}"}
    answer = httpx.post(f"{web.url}/api/leads", json=desk.lead_data(), headers=known, timeout=20)
    assert answer.status_code == 201, answer.text
    lead: dict[str, Any] = answer.json()
    return str(lead["id"])


def test_killed_stream_process_loses_no_events(desk: Desk, web: Process, processes: Processes):
    stream = processes.start_stream()
    with LiveClient.open(web.url, desk.admin.token) as client:
        client.until(capture(web, desk))
        stream.kill()
        assert list(_until_broken(client)) == []
    assert LiveClient.open(web.url, desk.admin.token).response.status_code == 503
    missed = {capture(web, desk) for _ in range(3)}
    processes.start_stream()
    with LiveClient.open(web.url, desk.admin.token, after=client.last_id) as again:
        found: set[str] = set()
        while found != missed:
            event = again.next()
            assert event.kind != "reset"
            found |= set(event.data.get("lead_ids", []))


def _until_broken(client: LiveClient) -> list[Received]:
    try:
        return [event for event in client.rest() if event.kind == "closed"]
    except httpx.TransportError:
        return []


@pytest.mark.parametrize("end", [Process.kill, Process.stop])
def test_streams_outlive_the_web_server(
    desk: Desk, web: Process, processes: Processes, end: Callable[[Process], object]
):
    processes.start_stream()
    with LiveClient.open(web.url, desk.admin.token) as client:
        assert client.next().kind == "ready"
        end(web)
        client.until(desk.capture()["id"])


def test_emptied_store_makes_clients_load_again(desk: Desk, web: Process, processes: Processes, valkey: Valkey):
    stream = processes.start_stream()
    with LiveClient.open(web.url, desk.admin.token) as client:
        client.until(capture(web, desk))
        with valkey.client() as store:
            store.flushall()
        valkey.kill()
        stream.wait_for("live_updates.store_unavailable")
        capture(web, desk)  # while there is no store
        valkey.start()
        assert client.rest()[-1].data == {"reason": "access_changed"}
    with LiveClient.open(web.url, desk.admin.token, after=client.last_id) as again:
        assert again.next().kind == "reset"
        again.until(capture(web, desk))
