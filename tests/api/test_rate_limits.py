"""Rate limits, shared by all processes, with a local fallback when the store is unavailable."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.identity.models import Role
from app.ops.embedded import Valkey
from tests.support.desk import Caller, Desk
from tests.support.practice import set_settings, settings_kept
from tests.support.processes import Processes

pytest_plugins = ["tests.support.desk"]

MOST = 10


@pytest.fixture
def desk(desk: Desk) -> Iterator[Desk]:
    """A clinic with a limit of ten calls per minute."""
    with settings_kept():
        set_settings(rate_limit_per_minute=MOST)
        yield desk


def statuses(caller: Caller, calls: int = MOST + 2) -> list[int]:
    return [caller.get("/api/me").status for _ in range(calls)]


def test_calls_are_counted_down_and_then_refused(desk: Desk):
    answers = [desk.admin.get("/api/me") for _ in range(MOST + 1)]

    assert [answer.status for answer in answers] == [200] * MOST + [429]
    refused = answers[-1]
    assert refused.body["code"] == "too-many-requests"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"default";q=10;w=60'}
    said = [re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["RateLimit"]) for answer in answers]
    assert [int(part[1]) for part in said if part] == [*reversed(range(MOST)), 0]
    assert all(1 <= int(part[2]) <= 60 for part in said if part)


def test_each_caller_has_a_separate_limit(desk: Desk, other_desk: Desk):
    program = desk.program("lead:read")
    statuses(desk.admin)
    for caller in (desk.coordinator, desk.hire(Role.CLINIC_ADMIN), other_desk.admin):
        assert statuses(caller) == [200] * MOST + [429] * 2
    assert statuses(program) == [200] * MOST + [429] * 2


def test_refused_call_has_no_effect(desk: Desk):
    statuses(desk.admin)
    assert desk.admin.post("/api/leads", desk.lead_data()).status == 429
    assert desk.sql("SELECT id FROM leads") == []


def test_forbidden_calls_count(desk: Desk):
    refused = [desk.doctor.post("/api/leads", desk.lead_data()).status for _ in range(MOST + 1)]
    assert refused == [403] * MOST + [429]


def test_public_routes_are_not_counted(desk: Desk):
    answers = [desk.client().get("/livez") for _ in range(MOST + 1)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers


def test_limit_is_reset_after_a_minute(desk: Desk, valkey: Valkey):
    statuses(desk.admin)
    with valkey.client() as store:
        [counter] = store.keys("relance:calls:*")
        assert 1 <= store.ttl(counter) <= 60
        store.delete(counter)
    assert desk.admin.get("/api/me").status == 200


def test_nothing_is_counted_without_a_limit(desk: Desk, configure: Callable[..., None]):
    configure(rate_limit_per_minute=0)
    answers = [desk.admin.get("/api/me") for _ in range(MOST + 5)]
    assert {answer.status for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers


def test_process_counts_locally_while_the_store_is_unavailable(desk: Desk, valkey: Valkey):
    _ = desk.admin
    valkey.stop()
    try:
        assert statuses(desk.admin) == [200] * MOST + [429] * 2
    finally:
        valkey.start()


def test_processes_and_threads_share_the_count(desk: Desk, processes: Processes):
    web = processes.start_web(workers=2, env={"RATE_LIMIT_PER_MINUTE": "25"})
    headers = {"Authorization": f"Bearer {desk.admin.token}"}

    def call(_: int) -> int:
        return httpx.get(f"{web.url}/api/me", headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(call, range(40)))
    assert answers == [200] * 25 + [429] * 15


def test_large_limit_updates_the_store_in_batches(desk: Desk, valkey: Valkey, configure: Callable[..., None]):
    configure(rate_limit_per_minute=1000)
    said = [desk.admin.get("/api/me").headers["RateLimit"] for _ in range(25)]
    with valkey.client() as store:
        [counter] = store.keys("relance:calls:*")
        assert store.get(counter) == b"21"  # the first, and each tenth after it

    left = [int(re.findall(r"r=(\d+)", words)[0]) for words in said]
    assert left == [*range(999, 974, -1)]
