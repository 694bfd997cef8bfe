"""While a transaction stays open, index entries of ended steps stay too. Scans of due steps begin behind them."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import transaction
from app.engine.models import Kind
from app.engine.step_kind import STEP_KINDS
from app.ops.embedded import Postgres
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.processes import wait_until
from workers import runner
from workers.pipeline.claim import claim_turn, prefer_indexes
from workers.pipeline.due_steps.low_water_mark import FAST, LowWaterMark, mark_of
from workers.pipeline.due_steps.turns import Turns
from workers.sweeps import census
from workers.sweeps.publishing import publish_due
from workers.sweeps.run import sweep

MAKE = Kind.CREATE_TASK
ENDED = 1_000
AN_HOUR_AGO = TUESDAY - timedelta(hours=1)
A_SECOND_AGO = TUESDAY - timedelta(seconds=1)
SLOW = 600.0  # seconds of a scan: no complete one follows within the test
READ = text(
    "SELECT indexrelid::regclass::text AS name, pg_stat_get_xact_tuples_returned(indexrelid) AS entries"
    " FROM pg_index WHERE indrelid = 'steps'::regclass"
)


@pytest.fixture
def open_transaction(practice: Practice, postgres: Postgres) -> Iterator[None]:
    """Hold a snapshot from before the steps of the test ended."""
    with postgres.connect("relance") as other:
        other.execute("VACUUM (INDEX_CLEANUP ON) steps")  # else the entries of other tests' steps would count
        other.autocommit = False
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT FROM steps LIMIT 1")
        yield


def slow_down(mark: LowWaterMark, seconds: float = SLOW) -> None:
    """Let the last complete scan have been slow, and have found no pending step."""
    mark.start(TUESDAY)
    mark.advance(None, now=TUESDAY, seconds=seconds)


@pytest.fixture
def slow_scans(watch: Watch) -> None:
    for mark in [*map(mark_of, STEP_KINDS), *runner.turns_of(frozenset({MAKE})).marks.values()]:
        slow_down(mark)


def entries_read(act: Callable[[Session], object]) -> Counter[str]:
    """Return how many entries of each index of steps a call reads."""
    with transaction() as session:
        before = _read_so_far(session)
        act(session)
        return _read_so_far(session) - before


def _read_so_far(session: Session) -> Counter[str]:
    """Return the entries that this session has read since its statistics were last reported, by index."""
    return Counter({row.name: row.entries for row in session.execute(READ)})


def look_and_claim(turns: Turns, session: Session) -> None:
    prefer_indexes(session)
    turns.look(session, now=clock.now())
    assert len(claim_turn(session, turns.share_out(MAKE, 100), now=clock.now())) == 1


def end_steps(practice: Practice) -> None:
    practice.fill(ENDED, MAKE, due_at=AN_HOUR_AGO)
    sql("UPDATE steps SET state = 'done', finished_at = :now", now=clock.now())


@pytest.mark.usefixtures("open_transaction")
def test_a_sweep_reads_no_entries_of_ended_steps(practice: Practice, watch: Watch):
    end_steps(practice)
    assert entries_read(publish_due).total() >= ENDED

    slow_down(mark_of(MAKE))
    practice.fill(1, MAKE, due_at=TUESDAY, state="planned", published_at=None)
    read = entries_read(lambda session: publish_due(session) == 1)
    assert read.total() < ENDED / 10, read


@pytest.mark.usefixtures("open_transaction")
def test_the_census_reads_no_entries_of_ended_steps_for_the_oldest_one(practice: Practice, watch: Watch):
    end_steps(practice)
    practice.fill(1, MAKE, due_at=A_SECOND_AGO)
    slow_down(mark_of(census.STEPS))

    read = entries_read(census.oldest_of_kinds)
    assert read.total() < ENDED / 10, read
    with transaction() as session:
        assert census.oldest_of_kinds(session) == {MAKE: A_SECOND_AGO}


@pytest.mark.usefixtures("open_transaction")
def test_a_claim_reads_no_entries_of_ended_steps(practice: Practice, watch: Watch):
    end_steps(practice)
    practice.fill(1, MAKE, due_at=A_SECOND_AGO)
    turns = Turns([MAKE])
    assert entries_read(lambda session: look_and_claim(turns, session)).total() >= ENDED

    slow_down(turns.marks[MAKE])
    turns.restart()
    read = entries_read(lambda session: look_and_claim(turns, session))
    assert read.total() < ENDED / 10, read


@pytest.mark.usefixtures("slow_scans")
def test_all_due_steps_of_all_clinics_run(open_practice: Callable[..., Practice], watch: Watch):
    busy, small = open_practice(), open_practice()
    ids = busy.fill(420, MAKE, due_at=A_SECOND_AGO)
    small.fill(30, MAKE, due_at=TUESDAY)

    assert runner.run(MAKE, ids[:100], clinic_id=busy.clinic_id) == 450


@pytest.mark.usefixtures("slow_scans")
def test_a_message_runs_steps_from_before_the_mark(practice: Practice, watch: Watch):
    ids = practice.fill(3, MAKE, due_at=AN_HOUR_AGO)

    assert runner.run(MAKE, ids) == 3


@pytest.mark.usefixtures("slow_scans")
def test_a_step_is_published_until_it_has_run(practice: Practice, watch: Watch):
    practice.fill(1, MAKE, due_at=TUESDAY, state="planned", published_at=None)

    for _ in range(5):
        assert sweep("publish_due_steps") == 1
        watch.advance(seconds=31)


@pytest.mark.usefixtures("slow_scans")
def test_clinics_share_the_cap(open_practice: Callable[..., Practice], watch: Watch, configure: Callable[..., None]):
    configure(publish_cap=10)
    practices = [open_practice() for _ in range(2)]
    for practice in practices:
        practice.fill(10, MAKE, due_at=TUESDAY, state="planned", published_at=None)

    assert sweep("publish_due_steps") == 10
    assert [len(practice.steps(state="published")) for practice in practices] == [5, 5]


def test_a_step_committed_late_is_published_by_the_next_complete_scan(practice: Practice, watch: Watch):
    slow_down(mark_of(MAKE), seconds=FAST * 2)
    practice.fill(1, MAKE, due_at=AN_HOUR_AGO, state="planned", published_at=None)
    assert sweep("publish_due_steps") == 0

    wait_until(lambda: sweep("publish_due_steps") == 1, 60, "the complete scan")
