"""A full disk and read-only servers: what the API answers, and when `/readyz` stops being ready."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis, ResponseError
from sqlalchemy import event

from app.config import get_settings
from app.core.db import engine
from app.core.files import disk_space
from app.engine.broker_health import write_refusal
from app.http import problems
from app.ops.embedded import Health, Postgres, Valkey
from tests.support.desk import Desk
from tests.support.processes import wait_until
from tests.support.storage import fill, free_bytes, read_only

pytest_plugins = ["tests.support.desk"]


@pytest.fixture(autouse=True)
def forget_earlier_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "_full_until", 0.0)


@contextmanager
def table_on(disk: Path, postgres: Postgres) -> Iterator[Path]:
    """Move the empty table of leads to the disk and fill it. Yields the file that fills it."""
    folder = disk / "tablespace"
    folder.mkdir()
    os.chown(folder, postgres.data.stat().st_uid, -1)
    with postgres.connect("relance") as owner:
        owner.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        owner.execute("TRUNCATE leads CASCADE")
        owner.execute("ALTER TABLE leads SET TABLESPACE small")
    try:
        yield fill(disk)
    finally:
        with postgres.connect("relance") as owner:
            owner.execute("ALTER TABLE leads SET TABLESPACE pg_default")
            owner.execute("DROP TABLESPACE small")


def is_refused(client: Redis) -> bool:
    try:
        client.set("filler", os.urandom(100_000))
    except ResponseError:
        return True
    return False


def readiness(desk: Desk) -> tuple[int, str, str]:
    answer: Any = desk.client().get("/readyz")
    return answer.status_code, answer.json.get("code", ""), answer.json.get("detail", "")


def test_readiness_needs_one_connection(desk: Desk) -> None:
    assert readiness(desk)[0] == 200  # earlier connections are in the pool
    used: list[object] = []

    def note(connection: object, *_: object) -> None:
        used.append(connection)

    event.listen(engine(), "checkout", note)
    try:
        assert readiness(desk)[0] == 200
    finally:
        event.remove(engine(), "checkout", note)
    assert len(used) == 1


def test_read_only_database_is_not_ready_and_refuses_changes(desk: Desk, postgres: Postgres) -> None:
    lead = desk.lead_data()
    assert desk.admin.get("/api/me").status == 200

    with read_only(postgres):
        answer = desk.admin.post("/api/leads", lead)
        assert (answer.status, answer.body["code"]) == (503, "writes-refused")
        assert answer.headers["Retry-After"] == "60"
        assert readiness(desk)[:2] == (503, "writes-refused")


def test_full_disk_of_the_database_is_named_and_nothing_is_saved(
    desk: Desk, postgres: Postgres, small_disk: Path
) -> None:
    lead = desk.lead_data()
    assert desk.admin.get("/api/me").status == 200

    with table_on(small_disk, postgres) as filler:
        answer = desk.admin.post("/api/leads", lead)
        assert (answer.status, answer.body["code"]) == (503, "storage-full")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert readiness(desk) == (
            503,
            "storage-full",
            "The database has just refused a write because its disk is full.",
        )
        filler.unlink()
        assert desk.admin.post("/api/leads", lead).status == 201


def test_little_free_space_is_not_ready_before_anything_fails(
    desk: Desk, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = get_settings().model_copy(update={"relance_home": small_disk, "min_free_disk_mb": 1})
    assert disk_space.full_disks(settings) == []

    (small_disk / "filler").write_bytes(bytes(free_bytes(small_disk) - 900_000))
    [disk] = disk_space.full_disks(settings)
    assert str(disk) == f"0 MB free in {small_disk}"
    monkeypatch.setattr("app.api.operations.health.get_settings", lambda: settings)
    monkeypatch.setattr("app.api.operations.metrics.get_settings", lambda: settings)

    assert readiness(desk) == (503, "storage-full", "The disk of the server is almost full.")
    sample = f'relance_disk_free_bytes{{folder="{small_disk}"}} {float(disk.free)}'
    assert sample in desk.client().get("/metrics").get_data(as_text=True)


def test_broker_that_refuses_writes_is_not_ready_and_one_that_is_away_is(desk: Desk, valkey: Valkey) -> None:
    assert readiness(desk)[0] == 200
    with valkey.client() as client:
        client.config_set("min-replicas-to-write", 1)
        try:
            assert readiness(desk)[:2] == (503, "storage-full")
        finally:
            client.config_set("min-replicas-to-write", 0)
    assert readiness(desk)[0] == 200
    valkey.stop()
    try:
        assert readiness(desk)[0] == 200
    finally:
        valkey.start()


def test_valkey_with_a_full_disk_answers_with_its_reason_and_keeps_running(small_disk: Path) -> None:
    server = Valkey(small_disk / "valkey", "a password")
    server.start()
    try:
        pid = server.pid()
        fill(small_disk)
        with server.client() as client:
            wait_until(lambda: is_refused(client), 60, "the first refused write")
            assert "MISCONF" in str(write_refusal(client))

        assert server.health() is Health.ANSWERS
        server.start()
        assert server.pids() == [pid]
    finally:
        server.kill()
