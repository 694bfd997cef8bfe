"""Live updates: `GET /api/stream` over a real web server and the process that writes the streams."""

import json
from contextlib import ExitStack
from datetime import timedelta
from itertools import islice
from uuid import UUID

import httpx
import pytest

from app.clock import now
from app.core.live_events import publisher
from app.core.live_events.caller import MOST_STREAMS
from app.engine.models import Kind
from app.identity.models import Role
from tests.support.desk import Caller, Desk
from tests.support.live import LiveClient, Received
from tests.support.processes import Process, Processes, wait_until
from workers import runner

pytest_plugins = ["tests.support.desk"]


@pytest.fixture(scope="module")
def server(shared_processes: Processes) -> Process:
    shared_processes.start_stream()
    return shared_processes.start_web()


def open_stream(server: Process, who: Caller, *, after: str | None = None) -> LiveClient:
    """Open a stream and wait until it is ready."""
    client = LiveClient.open(server.url, who.token, after=after)
    assert client.response.status_code == 200, client.response.read()
    if after is None:
        assert client.next().kind == "ready"
    return client


def test_stream_announces_a_new_lead_and_its_task(server: Process, desk: Desk):
    with open_stream(server, desk.admin) as stream:
        lead = desk.capture()
        assert stream.next("lead.changed").ids == [lead["id"]]
        task = desk.plan(lead)
        event = stream.next("task.changed")
        assert (event.ids, event.lead_ids, event.data["more"]) == ([task["id"]], [lead["id"]], False)


def test_response_is_an_unbuffered_event_stream(server: Process, desk: Desk):
    with open_stream(server, desk.admin) as stream:
        headers = stream.response.headers
    assert headers["Content-Type"].startswith("text/event-stream")
    assert headers["Cache-Control"] == "no-store, no-transform"
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["X-Request-Id"]
    assert "Content-Length" not in headers


def test_stream_has_only_events_of_its_clinic(server: Process, desk: Desk, other_desk: Desk):
    with open_stream(server, desk.admin) as ours, open_stream(server, other_desk.admin) as theirs:
        foreign, own = other_desk.capture(phone="+12125550143"), desk.capture()
        assert str(foreign["id"]) not in str(ours.until(own["id"]))
        theirs.until(foreign["id"])


def test_limited_roles_get_events_of_their_leads_only(server: Process, desk: Desk):
    sam, sue, meg = (desk.hire(role) for role in (Role.SALES, Role.SALES, Role.MANAGER))
    team = desk.admin.post("/api/teams", {"name": "North"}).body["id"]
    for member in (meg, sam):
        with open_stream(server, desk.admin) as other:
            assert desk.admin.patch(f"/api/users/{member.id}", {"team_id": team}).status == 200
            assert other.rest()[-1].kind == "closed"  # a new team can change the scope of any colleague
    with open_stream(server, sam) as to_sam, open_stream(server, sue) as to_sue, open_stream(server, meg) as to_meg:
        sams, sues, megs = (desk.capture(assigned_to_id=who.id)["id"] for who in (sam, sue, meg))
        last = [desk.capture(assigned_to_id=who.id)["id"] for who in (sam, sue, meg)]
        assert leads_in(to_sam.until(last[0])) == {sams, last[0]}
        assert leads_in(to_sue.until(last[1])) == {sues, last[1]}
        assert leads_in(to_meg.until(last[2])) == {sams, megs, last[0], last[2]}


def leads_in(events: list[Received]) -> set[str]:
    return {lead_id for event in events for lead_id in event.data.get("lead_ids", [])}


def test_former_and_new_owner_learn_of_a_reassignment(server: Process, desk: Desk):
    sam, sue = desk.hire(Role.SALES), desk.hire(Role.SALES)
    lead = desk.capture(assigned_to_id=sam.id)
    publisher.flush()
    with open_stream(server, sam) as to_sam, open_stream(server, sue) as to_sue:
        assert desk.admin.post(f"/api/leads/{lead['id']}/assign", {"assigned_to_id": sue.id}).status == 200
        to_sam.until(lead["id"])
        to_sue.until(lead["id"])


def test_former_and_new_assignee_learn_of_a_reassigned_task(server: Process, desk: Desk):
    sam, sue = desk.hire(Role.SALES), desk.hire(Role.SALES)
    task = desk.plan(desk.capture(assigned_to_id=desk.admin.id), assigned_to_id=sam.id)
    publisher.flush()
    with open_stream(server, sam) as to_sam, open_stream(server, sue) as to_sue:
        assert desk.admin.post(f"/api/followups/{task['id']}/reassign", {"assigned_to_id": sue.id}).status == 200
        assert to_sam.next("task.changed").ids == to_sue.next("task.changed").ids == [task["id"]]


def test_notification_reaches_its_user_only(server: Process, desk: Desk):
    sam = desk.hire(Role.TREATMENT_COORDINATOR)
    task = desk.plan(desk.capture(assigned_to_id=desk.admin.id), assigned_to_id=desk.admin.id)
    with open_stream(server, sam) as to_sam, open_stream(server, desk.admin) as to_admin:
        assert desk.admin.post(f"/api/followups/{task['id']}/reassign", {"assigned_to_id": sam.id}).status == 200
        [notice] = sam.every("/api/notifications/mine")
        assert to_sam.next("notification.new").ids == [notice["id"]]
        sentinel = desk.capture()["id"]
        assert "notification.new" not in {event.kind for event in to_admin.until(sentinel)}


def test_workers_announce_steps(server: Process, desk: Desk):
    lead = desk.capture()
    [step] = desk.steps(lead, kind=Kind.CREATE_TASK)[:1]
    publisher.flush()
    with open_stream(server, desk.admin) as stream:
        desk.sql("UPDATE steps SET due_at = now() WHERE id = :id", id=step["id"])
        runner.run(Kind.CREATE_TASK, [UUID(step["id"])])
        assert stream.next("step.changed").lead_ids == [lead["id"]]


def test_reconnecting_client_gets_the_missed_events(server: Process, desk: Desk):
    with open_stream(server, desk.admin) as stream:
        first = desk.capture()["id"]
        stream.until(first)
        last_id = stream.last_id
    missed = {desk.capture()["id"] for _ in range(3)}
    publisher.flush()
    with open_stream(server, desk.admin, after=last_id) as stream:
        replayed: set[str] = set()
        while replayed != missed:  # `ready` may come before the newest of them
            replayed |= set(stream.next().data.get("lead_ids", []))
        assert first not in replayed
        stream.until(desk.capture()["id"])


@pytest.mark.parametrize("last_id", ["1-0", "nonsense", "9" * 30])
def test_unknown_last_event_id_asks_for_a_reload(server: Process, desk: Desk, last_id: str):
    with open_stream(server, desk.admin, after=last_id) as stream:
        assert stream.next().kind == "reset"
        assert stream.next().kind == "ready"


def test_sign_out_closes_only_the_streams_of_that_sign_in(server: Process, desk: Desk):
    with open_stream(server, desk.coordinator) as stream, open_stream(server, desk.admin) as other:
        assert desk.coordinator.post("/api/auth/logout").status == 204
        assert stream.rest()[-1].data == {"reason": "access_changed"}
        other.until(desk.capture()["id"])
    assert LiveClient.open(server.url, desk.coordinator.token).response.status_code == 401


def test_changed_access_closes_the_streams_of_a_user(server: Process, desk: Desk):
    def change(**fields: object) -> None:
        assert desk.admin.patch(f"/api/users/{user.id}", fields).status == 200

    user = desk.hire(Role.SALES)
    team = desk.admin.post("/api/teams", {"name": "North"}).body["id"]
    for act in (
        lambda: change(role=Role.TREATMENT_COORDINATOR),
        lambda: change(team_id=team),
        lambda: desk.admin.post(f"/api/users/{user.id}/deactivate"),
    ):
        with open_stream(server, user) as stream:
            act()
            assert stream.rest()[-1].kind == "closed"


def test_revoked_key_loses_its_stream(server: Process, desk: Desk):
    key = desk.admin.post("/api/api-keys", {"name": "Board", "scopes": ["lead:read"]}).body
    with LiveClient.open(server.url, key["key"]) as stream:
        assert stream.next().kind == "ready"
        assert desk.admin.delete(f"/api/api-keys/{key['id']}").status == 204
        assert stream.rest()[-1].data == {"reason": "access_changed"}


def test_stream_ends_with_the_access_of_its_caller(server: Process, desk: Desk):
    expires_at = (now() + timedelta(seconds=3)).isoformat()
    body = {"name": "Board", "scopes": ["lead:read"], "expires_at": expires_at}
    key = desk.admin.post("/api/api-keys", body).body["key"]
    with LiveClient.open(server.url, key) as stream:
        assert stream.rest()[-1].data == {"reason": "token_expired"}


def test_open_streams_are_limited_and_hold_no_thread(server: Process, desk: Desk):
    callers = [desk.admin, desk.coordinator, desk.front_desk]
    with ExitStack() as streams:
        for who in callers * MOST_STREAMS:  # more than the web server has threads
            streams.enter_context(open_stream(server, who))
        refused = LiveClient.open(server.url, desk.admin.token).response
        assert (refused.status_code, json.loads(refused.read())["code"]) == (429, "too-many-streams")
        known = {"Authorization": f"Bearer {desk.admin.token}"}
        assert httpx.get(f"{server.url}/api/me", headers=known, timeout=10).status_code == 200
    wait_until(lambda: can_open(server, desk.admin), 60, "the closed streams to be forgotten")


def can_open(server: Process, who: Caller) -> bool:
    with LiveClient.open(server.url, who.token) as client:
        return client.response.status_code == 200


def test_kept_alive_connection_becomes_a_stream(server: Process, desk: Desk):
    known = {"Authorization": f"Bearer {desk.admin.token}"}
    with httpx.Client(base_url=server.url, headers=known, timeout=20) as client:
        assert client.get("/api/me").status_code == 200
        with client.stream("GET", "/api/stream") as response:
            assert "event: ready" in list(islice(response.iter_lines(), 3))
            assert client.get("/api/me").status_code == 200  # over another connection


def test_head_shows_the_headers_only(server: Process, desk: Desk):
    known = {"Authorization": f"Bearer {desk.admin.token}"}
    answer = httpx.head(f"{server.url}/api/stream", headers=known)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")


def test_stream_needs_credentials(server: Process):
    assert httpx.get(f"{server.url}/api/stream").status_code == 401
    assert httpx.get(f"{server.url}/api/stream?access_token=secret").status_code == 401


def test_server_without_sockets_to_hand_over_answers_503(desk: Desk):
    answer = desk.admin.get("/api/stream")
    assert (answer.status, answer.body["code"]) == (503, "live-updates-unavailable")
    assert answer.headers["Retry-After"]
