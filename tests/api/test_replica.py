"""Reports and exports are read from a streaming replica, and see what was committed before them."""

from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import pytest

from app.core.db import replica_engine
from app.http import replica as reads
from app.ops.doctor.replica_check import check_replica
from app.ops.embedded import Postgres
from tests.support.desk import Desk
from tests.support.replica import running_replica

pytest_plugins = ["tests.support.desk"]

REPORTS = ("summary", "funnel", "sources", "coordinators", "lost-reasons", "velocity", "first-contact", "response")
OTHERS = ("pipeline", "attribution", "conversions", "automation", "follow-ups", "forecast", "reports/lead-summary")
EXPORTS = ("/api/followups/export", "/api/audit/export")
PATHS = (*(f"/api/leads/analytics/{name}" for name in (*REPORTS, *OTHERS)), *EXPORTS)


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Postgres]:
    with running_replica(postgres) as replica:
        yield replica


@pytest.fixture
def replica(server: Postgres, configure: Callable[..., None]) -> Iterator[Postgres]:
    """The replica, which the settings name."""
    configure(replica_database_url=server.url("relance", user="relance_web"))
    forget()
    yield server
    server.start()
    with server.connect() as owner:
        if owner.execute("SELECT pg_is_wal_replay_paused()").fetchone() == (True,):
            owner.execute("SELECT pg_wal_replay_resume()")
    forget()


def forget() -> None:
    """Forget the replica and its failures."""
    reads.pause.until = 0.0
    if replica_engine.cache_info().currsize:
        replica_engine().dispose()
    replica_engine.cache_clear()


def is_asked(replica: Postgres, call: Callable[[], object]) -> bool:
    """Return whether a call runs queries of the application on the replica."""
    with replica.connect() as owner:
        [(before,)] = owner.execute("SELECT clock_timestamp()").fetchall()
        call()
        asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'relance:%%' AND state_change > %s"
        [(number,)] = owner.execute(asked, [before]).fetchall()
    return bool(number)


@pytest.mark.parametrize("path", PATHS)
def test_report_and_export_are_read_from_the_replica(desk: Desk, replica: Postgres, path: str):
    desk.capture()
    answers = []
    assert is_asked(replica, lambda: answers.append(desk.admin.get(path)))
    reads.pause.until = inf
    assert not is_asked(replica, lambda: answers.append(desk.admin.get(path)))
    assert [answer.status for answer in answers] == [200, 200]
    if path not in EXPORTS:
        assert figures(answers[0].body) == figures(answers[1].body)


def figures(report: dict[str, Any]) -> object:
    return report.get("rows", report.get("weeks"))


def test_each_read_sees_the_lead_that_was_created_before_it(desk: Desk, replica: Postgres):
    for number in range(20):
        desk.capture(email=f"lead-{number}@example.org")
        assert total_leads(desk) == number + 1
    assert is_asked(replica, lambda: total_leads(desk))


def test_replica_that_does_not_replay_is_not_read(desk: Desk, replica: Postgres):
    with replica.connect() as owner:
        owner.execute("SELECT pg_wal_replay_pause()")
    desk.capture()
    assert total_leads(desk) == 1
    assert not is_asked(replica, lambda: total_leads(desk)), "it pauses after a failure"


def test_primary_answers_while_the_replica_is_down(desk: Desk, replica: Postgres):
    desk.capture()
    assert total_leads(desk) == 1
    replica.kill()
    assert total_leads(desk) == 1
    assert reads.pause.until > 0
    replica.start()
    reads.pause.until = 0
    assert is_asked(replica, lambda: total_leads(desk))


def test_server_that_is_no_replica_is_not_read(desk: Desk, replica: Postgres, postgres: Postgres, configure: Any):
    configure(replica_database_url=postgres.url("relance", user="relance_web"))
    forget()
    desk.capture()
    assert total_leads(desk) == 1
    assert reads.pause.until > 0
    [check] = check_replica()
    assert (check.found, check.is_fine) == ("is no replica", False)


def test_replica_shows_only_leads_of_the_own_clinic(desk: Desk, other_desk: Desk, replica: Postgres):
    desk.capture()
    assert (total_leads(desk), total_leads(other_desk)) == (1, 0)
    assert is_asked(replica, lambda: total_leads(other_desk))


def test_audit_log_lists_the_rows_that_the_replica_exported(desk: Desk, replica: Postgres):
    lead = desk.capture()
    task = desk.plan(lead)
    assert is_asked(replica, lambda: desk.admin.get("/api/followups/export"))
    entries = desk.admin.get("/api/audit", act="read").body["items"]
    exported = {entry["subject"]: entry["ids"] for entry in entries if "export" in entry["operation"]}
    assert exported == {"task": [task["id"]], "lead": [lead["id"]]}


def test_doctor_checks_the_replica(replica: Postgres, configure: Callable[..., None]):
    [check] = check_replica()
    assert (check.found, check.is_fine) == ("follows the primary", True)
    replica.stop()
    [check] = check_replica()
    assert not check.is_fine
    assert "REPLICA_DATABASE_URL" in check.found
    configure(replica_database_url="")
    assert list(check_replica()) == []


def total_leads(desk: Desk) -> int:
    report = desk.admin.get("/api/leads/analytics/summary").body
    [row] = report["rows"]
    return next(int(one["value"]) for one in row["figures"] if one["metric"] == "total_leads")
