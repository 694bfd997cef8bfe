"""Claim due steps with a row lock, so that duplicate messages run a step once. Clinics take turns.

Workers never wait for a lock. A step is skipped if its row or lead is locked, and published again. So a transaction
that writes a lead waits for one batch at most, and no transaction can deadlock with a worker.
"""

from collections import namedtuple
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.handlers.support.context import DueStep
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.type_aliases import JsonObject
from app.engine.models import Step
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.holds import IS_HELD, SKIPS_MESSAGES
from app.leads.events import FACT_COLUMNS, LazyContact
from app.leads.facts.template_values import TEMPLATE_COLUMNS
from app.messaging.outages.breaker import Outages
from app.messaging.outages.store import OUTAGES_SQL
from workers.pipeline.due_steps.low_water_mark import BEGINNING, due_since
from workers.pipeline.due_steps.turns import Turn

# The columns of a lead that steps may need. All other personal data stays in the table.
LEAD_COLUMNS = tuple(
    dict.fromkeys(
        (
            *FACT_COLUMNS,
            *TEMPLATE_COLUMNS,
            *(
                "lost_suggested_at",
                "created_at",
                "deleted_at",
                "last_activity_at",
                "opted_out_channels",
                "restricted_at",
            ),
            *("state", "social_platform", "social_handle", "sealed"),
        )
    )
)

_Columns: Any = namedtuple("_Columns", ("id", *LEAD_COLUMNS))  # type: ignore[misc]  # noqa: PYI024  (the fields are the query's)


class ClaimedStep(DueStep, Protocol):
    """A claimed row of `steps`, with the rules version of its clinic, whether its messages are skipped, and outages.

    `row_versions` are those of a step that was read without a claim.
    """

    @property
    def clinic_id(self) -> UUID: ...
    @property
    def rules_version(self) -> int: ...
    @property
    def published_at(self) -> datetime | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def moves(self) -> Sequence[JsonObject] | None: ...
    @property
    def skips_messages(self) -> bool: ...
    @property
    def outages(self) -> Outages | None: ...
    @property
    def row_versions(self) -> str | None: ...


class PendingStep(Protocol):
    """The columns of a pending step that its wake-up needs, and whether all steps are held."""

    @property
    def id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def clinic_id(self) -> UUID: ...
    @property
    def is_held(self) -> bool: ...


class LeadView(_Columns, LazyContact):
    """The lead of a step, with `LEAD_COLUMNS` only."""

    __slots__ = ()


_STEP = tuple(Step.__table__.columns.keys())
_MORE = ("rules_version", "skips_messages", "outages", "row_versions")
_LEAD = tuple(f"of_lead_{name}" for name in ("id", *LEAD_COLUMNS))
_STEP_SQL = ", ".join(f"s.{name}" for name in _STEP)
_LEAD_SQL = ", ".join(f"l.{name} AS of_lead_{name}" for name in ("id", *LEAD_COLUMNS))
_GIVEN_NOW = "(SELECT CAST(:now AS timestamptz))"
_MORE_SQL = f"c.rules_version, {SKIPS_MESSAGES} AS skips_messages, {OUTAGES_SQL} AS outages"
# Changes whenever a row changes from which the context of a `deliver` step is read. `xmin` is the last transaction
# that wrote a row.
_NOTE = "FROM notifications n WHERE n.id = CAST(s.params ->> 'notification_id' AS uuid)"
_USER_VERSIONS = (  # of the coordinator and the author, with their roles
    "SELECT string_agg(concat_ws('/', u.xmin, (SELECT r.xmin FROM roles r"  # noqa: S608
    " WHERE r.clinic_id = u.clinic_id AND r.slug = u.role)), ' ' ORDER BY u.id)"
    f" FROM users u WHERE u.id IN (l.assigned_to_id, (SELECT n.written_by {_NOTE}))"
)
ROW_VERSIONS = f"concat_ws(' ', s.id, s.xmin, l.xmin, c.rules_version, (SELECT n.xmin {_NOTE}), ({_USER_VERSIONS}))"
_FROM_WITH_LEAD = "FROM steps s JOIN leads l ON l.id = s.lead_id JOIN clinics c ON c.id = s.clinic_id WHERE {which}"
_DUE = (
    f" AND s.due_at <= {_GIVEN_NOW} AND NOT {IS_HELD}"
    " ORDER BY s.due_at, s.id LIMIT {most}"  # the order of an index, so that no other clinic's steps are read
)
LOCK_LEAD_AND_STEP = " FOR NO KEY UPDATE OF l SKIP LOCKED FOR UPDATE OF s SKIP LOCKED"  # lock the lead first
_WITH_LEAD_COLUMNS = f"SELECT {_STEP_SQL}, {_LEAD_SQL}, {_MORE_SQL}"
_WITH_LEAD = f"{_WITH_LEAD_COLUMNS}, NULL AS row_versions {_FROM_WITH_LEAD}{_DUE}{LOCK_LEAD_AND_STEP}"
_WITH_LEAD_UNLOCKED = f"{_WITH_LEAD_COLUMNS}, {ROW_VERSIONS} AS row_versions {_FROM_WITH_LEAD}{_DUE}"
_WITHOUT_LEAD = (
    f"SELECT {_STEP_SQL}, {_MORE_SQL}, NULL AS row_versions FROM steps s"  # noqa: S608
    f" JOIN clinics c ON c.id = s.clinic_id WHERE {{which}}{_DUE} FOR UPDATE OF s SKIP LOCKED"
)
# The states are hidden from the planner, so that it finds the steps by id. Statistics of a small table would make it
# read a whole index of pending steps, which may still hold the entries of millions that ended.
_STATES = "((SELECT CAST('{planned,published}' AS text[]))::text[])"
OWN = f"s.id = ANY(:ids) AND s.state = ANY({_STATES})"
_OF_CLINIC = (
    "s.state IN ('planned', 'published') AND s.kind = (SELECT CAST(:kind AS text))"
    f" AND s.clinic_id = turn.clinic_id AND {due_since('s', 'turn.since')}"
    " AND s.id <> ALL((SELECT CAST(:ids AS uuid[]))::uuid[])"
)
_WAITING = (
    f"SELECT id, kind, name, due_at, clinic_id, {IS_HELD} AS is_held FROM steps"  # noqa: S608
    f" WHERE id = ANY(:ids) AND state = ANY({_STATES})"
)
AVOIDED_PLANS = ("enable_seqscan", "enable_sort", "enable_incremental_sort")
_PREFER_INDEXES = driver_sql(
    "SELECT " + ", ".join(f"set_config('{name}', 'off', true) AS {name}" for name in AVOIDED_PLANS)
)
_PENDING, _LEFT = text(_WAITING), text(f"{_WAITING} FOR UPDATE SKIP LOCKED")


def prefer_indexes(session: Session) -> None:
    """Make PostgreSQL read indexes, in their order, until the transaction ends.

    The plan of a prepared statement is kept. One that was made while a table was small would read the whole table,
    until the next ANALYZE; one that was made with a single clinic would read the due steps of all clinics. With the
    statistics from before many new steps it would read all due steps and sort them, for each batch.
    """
    execute_driver_sql(session, _PREFER_INDEXES, {})


def claim(
    session: Session, kind: str, ids: Sequence[UUID], *, now: datetime, most: int, lock: bool = True
) -> list[ClaimedStep]:
    """Lock up to `most` due steps of those in `ids`, the earliest first. Finds none while the system is held.

    Without `lock` they are only read, with their `row_versions`; the kind must have a lead.
    """
    if not ids:
        return []
    query = _query(has_lead=STEP_KINDS[kind].has_lead, by_turn=False, most=most, lock=lock)
    return execute_driver_sql(session, query, {"ids": list(ids), "now": now})


def claim_turn(
    session: Session, turn: Turn, *, now: datetime, besides: Sequence[UUID] = (), lock: bool = True
) -> list[ClaimedStep]:
    """Lock due steps of each clinic of a turn: up to its share, the earliest first, without those in `besides`.

    Finds none while the system is held. `lock`: as for `claim`.
    """
    if not turn.clinics:
        return []
    query = _query(has_lead=STEP_KINDS[turn.kind].has_lead, by_turn=True, most=turn.share, lock=lock)
    since = list(turn.since) or [BEGINNING] * len(turn.clinics)
    given = {"clinics": list(turn.clinics), "since": since, "kind": turn.kind, "ids": list(besides), "now": now}
    return execute_driver_sql(session, query, given)


def lead_of(row: ClaimedStep) -> Any:
    """Return the lead that was claimed with its step; None for kinds without a lead."""
    values = cast("tuple[Any, ...]", row)[len(_STEP) : -len(_MORE)]
    return LeadView(*values) if values else None


def lock_unclaimed(session: Session, ids: Collection[UUID]) -> list[PendingStep]:
    """Lock the pending steps of a message that no other worker holds.

    They are not due yet by this clock, or their lead is locked.
    """
    return cast("list[PendingStep]", session.execute(_LEFT, {"ids": list(ids)}).all()) if ids else []


def find_pending(session: Session, ids: Collection[UUID]) -> list[PendingStep]:
    """Return the pending steps of a message, locked or not."""
    return cast("list[PendingStep]", session.execute(_PENDING, {"ids": list(ids)}).all())


def lock_running(session: Session, step_id: UUID, lease: datetime) -> bool:
    """Lock a step after the response to its external call. Returns False if another run has taken the step."""
    return bool(execute_driver_sql(session, _STILL_ASKING, {"id": step_id, "lease": lease}))


# A step that became `unknown` after its lease expired is concluded too: a late answer is better than none.
_STILL_ASKING = driver_sql(
    "SELECT id FROM steps WHERE id = :id AND state IN ('running', 'unknown') AND lease_until = :lease FOR UPDATE"
)
# PostgreSQL keeps the plan of a prepared statement only if its estimated cost does not depend on the parameters. So the
# limit is part of the text, and sub-selects hide the clinics, the kind, the time and the ids from the planner. Planning
# took as long as the execution.
_TURN = (
    "SELECT claimed.* FROM unnest((SELECT CAST(:clinics AS uuid[])), (SELECT CAST(:since AS timestamptz[])))"
    " AS turn(clinic_id, since)"
    " CROSS JOIN LATERAL ({query}) AS claimed"
)


@lru_cache(maxsize=256)
def _query(*, has_lead: bool, by_turn: bool, most: int, lock: bool) -> str:
    with_lead = _WITH_LEAD if lock else _WITH_LEAD_UNLOCKED
    query = (with_lead if has_lead else _WITHOUT_LEAD).format(which=_OF_CLINIC if by_turn else OWN, most=most)
    return driver_sql(_TURN.format(query=query) if by_turn else query)
