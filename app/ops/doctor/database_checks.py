"""Checks of the database, and of the work that its rows show."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import clock
from app import models as _models  # noqa: F401  (registers all tables)
from app.config import get_settings
from app.core.database.session import ADVICE, session_problems
from app.core.database_roles import access_problems
from app.core.db import Base, transaction
from app.engine.models import PENDING, Step, SweepRun
from app.engine.steps.holds import current_hold
from app.ops.doctor import message_checks
from app.ops.doctor.check import TIMEOUT, Check
from app.ops.doctor.hold_check import hold_state
from app.ops.doctor.local_processes import advice_for_silent
from app.ops.stack.connectivity import database_problem, first_line
from app.ops.stack.migrations import current_revision, newest_revision
from app.security.encryption import current_key_name
from app.security.key_rotation import key_usage
from app.security.key_verification import describe_problems, find_key_problems, unusable_keys
from beat_schedule import SWEEP_INTERVALS

MIN_SERVER_VERSION = 150_000  # server_version_num of PostgreSQL 15
MAX_SWEEP_AGE = timedelta(minutes=2)  # sweeps run every few seconds; beat restarts within this time
MAX_LATENESS = timedelta(minutes=2)
MAX_CLOCK_SKEW = timedelta(seconds=2)


def check_database() -> Iterator[Check]:
    """Check the database: server, schema, logins, keys, clock, and the work that its rows show."""
    url = get_settings().database_url.get_secret_value()
    if problem := database_problem(url, timeout=TIMEOUT):
        yield Check("database", problem, _advice(problem))
    else:
        yield from _with_the_database()


def _advice(problem: str) -> str:
    if "No space left on device" in problem:
        return "free space on the disk of the database"
    if "FATAL:" in problem or "ERROR:" in problem:
        return "the server runs and refuses the login: correct DATABASE_URL, or its settings"
    if "timeout expired" in problem:
        return "if PostgreSQL runs, it does not answer: restart it (`relance serve` restarts its own after 15 seconds)"
    return "start PostgreSQL or correct DATABASE_URL (`make run` starts its own PostgreSQL)"


def _with_the_database() -> Iterator[Check]:
    migrations = _migrations()
    yield migrations
    checks: Sequence[Callable[[Session], Check]] = (
        *(_server_version, _writes, _login, _roles, _keys),
        *(_clock, _hold, _beat, _overdue),
        *(message_checks.failed, message_checks.unknown, message_checks.messages),
        *(message_checks.channels, message_checks.gateways, message_checks.webhooks),
        message_checks.mailboxes,
        message_checks.postal_addresses,
    )
    for check in checks if migrations.is_fine else checks[:4]:
        try:
            with transaction() as session:
                session.execute(text(f"SET LOCAL statement_timeout = {int(TIMEOUT * 1000)}"))
                yield check(session)
        except SQLAlchemyError as error:
            yield Check(check.__name__.strip("_"), first_line(error), "see the log of the database")


def _keys(session: Session) -> Check:
    if problems := find_key_problems(session):
        return Check("keys", describe_problems(problems), "set the same keys as in the other processes")
    missing = ", ".join(unusable_keys(session, {row["key"] for row in key_usage(session)}))
    advice = "add them to ENCRYPTION_KEYS; without them the data encrypted with them is lost" if missing else ""
    return Check("keys", f"missing: {missing}" if missing else f"current encryption key: {current_key_name()}", advice)


def _migrations() -> Check:
    try:
        present, newest = current_revision(), newest_revision()
    except SQLAlchemyError as error:
        return Check("migrations", first_line(error), "correct OWNER_DATABASE_URL: it must be the owner of the tables")
    return Check(
        "migrations", f"at revision {present}", "" if present == newest else f"run `relance init` (newest: {newest})"
    )


def _server_version(session: Session) -> Check:
    number = int(session.scalar(text("SHOW server_version_num")) or 0)
    advice = "" if number >= MIN_SERVER_VERSION else "upgrade to PostgreSQL 15 or newer"
    return Check("database", f"PostgreSQL {number // 10_000}.{number % 10_000}", advice)


def _writes(session: Session) -> Check:
    if session.scalar(text("SHOW transaction_read_only")) == "off":
        return Check("writes", "the database accepts writes")
    is_standby = session.scalar(text("SELECT pg_is_in_recovery()"))
    advice = "point DATABASE_URL to the primary" if is_standby else "reset default_transaction_read_only"
    return Check("writes", "the database is read-only", f"{advice}; until then nothing is saved or sent")


def _login(session: Session) -> Check:
    """Check role and settings. A table's owner can bypass row-level security and change the audit log."""
    problems = session_problems(session.connection())
    role = session.scalar(text("SELECT current_user"))
    return Check("login", "; ".join(problems) or f"{role} owns no tables", ADVICE if problems else "")


def _roles(session: Session) -> Check:
    """Check that requests can switch to the role that sees one clinic, and that no grant is missing."""
    problems = access_problems(session.connection(), Base.metadata.tables.keys())
    return Check("clinics", "; ".join(problems) or "complete", "run `relance init`" if problems else "")


def _clock(session: Session) -> Check:
    before = clock.now()
    there = session.scalar(select(func.clock_timestamp())) or before
    middle = before + (clock.now() - before) / 2
    skew = abs(there - middle)
    advice = "" if skew <= MAX_CLOCK_SKEW else "synchronise the clocks of this host and of the database host (NTP)"
    return Check("clock", f"{skew.total_seconds():.3f} s difference to the database", advice)


def _hold(session: Session) -> Check:
    return Check("hold", *hold_state(session))


def _beat(session: Session) -> Check:
    latest = session.scalar(select(func.max(SweepRun.started_at)).where(SweepRun.name.in_(SWEEP_INTERVALS)))
    if latest is None:
        return Check("beat", "no sweep has ever run", "start beat and the sweeps worker (`relance serve beat`)")
    age = clock.now() - latest
    otherwise = "start beat and the sweeps worker, and check their logs"
    advice = "" if age <= MAX_SWEEP_AGE else advice_for_silent("beat", otherwise)
    return Check("beat", f"last sweep {_ago(age)}", advice)


def _overdue(session: Session) -> Check:
    oldest: datetime | None = session.scalar(
        select(Step.due_at).where(Step.state.in_(PENDING)).order_by(Step.due_at).limit(1)
    )
    late = clock.now() - oldest if oldest else timedelta()
    if late <= timedelta():
        return Check("overdue", "no step is overdue")
    found = f"the oldest step is {late.total_seconds():.0f} s late"
    if current_hold(session):  # the check `hold` has the advice
        return Check("overdue", f"{found}; the system is held")
    advice = "" if late <= MAX_LATENESS else "start more workers for its queue; see `relance steps stats`"
    return Check("overdue", found, advice)


def _ago(age: timedelta) -> str:
    return f"{age.total_seconds():.0f} s ago"
