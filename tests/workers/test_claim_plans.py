"""PostgreSQL keeps the plan of the claim, and reads due steps by index, however small the table was."""

from collections.abc import Callable
from contextlib import ExitStack

from sqlalchemy import QueuePool, text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import engine, transaction
from app.engine.models import Kind
from app.ops.embedded import Postgres
from tests.support.pooler import needs_direct_connections
from tests.support.practice import TUESDAY, Practice, Watch
from workers import runner
from workers.pipeline.claim import claim_turn, prefer_indexes
from workers.pipeline.due_steps.turns import Turn

STEPS = 1_200  # twelve batches: the driver prepares the third execution, PostgreSQL plans the next five anew
KEPT = text(
    "SELECT coalesce(sum(generic_plans), 0) FROM pg_prepared_statements WHERE statement LIKE 'SELECT claimed.*%'"
)
TABLE_SCANS = text("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'steps'")


@needs_direct_connections
def test_the_plan_of_a_turn_is_kept_with_fresh_statistics(
    practice: Practice, watch: Watch, postgres: Postgres, configure: Callable[..., None]
):
    configure(drain_seconds=60)
    ids = practice.fill(STEPS, Kind.CREATE_TASK, due_at=TUESDAY)
    with postgres.connect("relance") as owner:
        owner.execute("ANALYZE steps, leads, clinics")
    engine().dispose()

    assert runner.run(Kind.CREATE_TASK, ids[:100], clinic_id=practice.clinic_id) == STEPS
    pool = engine().pool
    assert isinstance(pool, QueuePool)
    with ExitStack() as sessions:  # one for each connection of the pool: any of them may have claimed
        kept = [sessions.enter_context(transaction()).scalars(KEPT).one() for _ in range(pool.checkedin())]
    assert sum(kept) > 0


def test_a_turn_of_a_small_table_reads_an_index(practice: Practice, watch: Watch, postgres: Postgres):
    practice.fill(3, Kind.CREATE_TASK, due_at=TUESDAY)
    with postgres.connect("relance") as owner:
        owner.execute("VACUUM (FULL, ANALYZE) steps")
    with transaction() as session:
        prefer_indexes(session)
        before = table_scans(session)
        assert len(claim_turn(session, Turn(Kind.CREATE_TASK, [practice.clinic_id], 100), now=clock.now())) == 3
        assert table_scans(session) == before


def table_scans(session: Session) -> int:
    return session.scalars(TABLE_SCANS).one()
