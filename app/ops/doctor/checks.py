"""What `relance doctor` looks at. Each check says what it found and, when that is wrong, what to do."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.core.db import transaction
from app.core.row_security import ROLE
from app.engine.broker import QUEUES, celery
from app.engine.models import PENDING, Step, SweepRun
from app.ops.cli.init import newest_revision, present_revision
from app.ops.stack.reachable import broker_problem, database_problem, first_line
from app.security.encryption import current_key
from app.security.key_rotation import census
from app.security.key_verification import find_misfits, problem_with, unusable_keys

OLDEST_SUPPORTED = 150_000  # server_version_num of PostgreSQL 15
SILENT_AFTER = timedelta(minutes=2)  # the sweeps run every few seconds; beat restarts within this
LATE_AFTER = timedelta(minutes=2)
SKEW_ALLOWED = timedelta(seconds=2)
REPLY_WITHIN = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `advice` is empty when all is well."""

    name: str
    found: str
    advice: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether there is nothing to do."""
        return not self.advice


def examine() -> Iterator[Check]:
    """Every check, in the order in which one explains the next."""
    if problem := database_problem(get_settings().database_url.get_secret_value()):
        yield Check("database", problem, "start PostgreSQL (`make run` starts its own), or correct DATABASE_URL")
    else:
        yield from _with_the_database()
    if problem := broker_problem(get_settings().broker_url.get_secret_value()):
        yield Check("broker", problem, "start it, or correct BROKER_URL; steps wait in the database until then")
    else:
        yield from _with_the_broker()
    yield _mail()


def _with_the_database() -> Iterator[Check]:
    migrations = _migrations()
    yield migrations
    checks: Sequence[Callable[[Session], Check]] = (_version, _login, _wall, _keys, _time, _beat, _overdue)
    for check in checks if migrations.is_fine else checks[:3]:
        try:
            with transaction() as session:
                yield check(session)
        except SQLAlchemyError as error:
            yield Check(check.__name__.strip("_"), first_line(error), "see the database's log")


def _keys(session: Session) -> Check:
    if misfits := find_misfits(session):
        return Check("keys", problem_with(misfits), "set the keys that the other processes have")
    missing = ", ".join(unusable_keys(session, {row["key"] for row in census(session)}))
    advice = "name them in ENCRYPTION_KEYS, or what they have sealed is lost" if missing else ""
    return Check("keys", f"not here: {missing}" if missing else f"sealed with {current_key()}", advice)


def _migrations() -> Check:
    try:
        present, newest = present_revision(), newest_revision()
    except SQLAlchemyError as error:
        return Check("migrations", first_line(error), "correct OWNER_DATABASE_URL: the owner of the tables")
    return Check("migrations", f"at {present}", "" if present == newest else f"run `relance init` (newest: {newest})")


def _version(session: Session) -> Check:
    number = int(session.scalar(text("SHOW server_version_num")) or 0)
    advice = "" if number >= OLDEST_SUPPORTED else "use PostgreSQL 15 or newer"
    return Check("database", f"PostgreSQL {number // 10_000}.{number % 10_000}", advice)


def _login(session: Session) -> Check:
    """The wall behind row-level security and the audit: whoever owns a table may change its rules."""
    owned = session.scalar(
        text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND pg_has_role(tableowner, 'member')")
    )
    advice = "give DATABASE_URL a login that is only a member of relance_app" if owned else ""
    return Check("login", f"{session.scalar(text('SELECT current_user'))} owns {owned} tables", advice)


def _wall(session: Session) -> Check:
    """Calls step down to a role that sees one clinic; without it, none would be answered."""
    may = session.scalar(text(f"SELECT pg_has_role(session_user, '{ROLE}', 'member')"))
    advice = "" if may else f"GRANT {ROLE} TO relance_app, and relance_app to this login"
    return Check("clinics", f"calls {'step' if may else 'cannot step'} down to {ROLE}", advice)


def _time(session: Session) -> Check:
    before = clock.now()
    there = session.scalar(select(func.clock_timestamp())) or before
    middle = before + (clock.now() - before) / 2
    skew = abs(there - middle)
    advice = "" if skew <= SKEW_ALLOWED else "synchronise the clocks (NTP) of this host and the database's"
    return Check("clock", f"{skew.total_seconds():.3f} s from the database's", advice)


def _beat(session: Session) -> Check:
    latest = session.scalar(select(func.max(SweepRun.started_at)))
    if latest is None:
        return Check("beat", "no sweep ever ran", "start beat and the sweeps worker (`relance serve beat`)")
    age = clock.now() - latest
    advice = "" if age <= SILENT_AFTER else "start beat and the sweeps worker; look at their logs"
    return Check("beat", f"last sweep {_ago(age)}", advice)


def _overdue(session: Session) -> Check:
    oldest: datetime | None = session.scalar(
        select(Step.due_at).where(Step.state.in_(PENDING)).order_by(Step.due_at).limit(1)
    )
    late = clock.now() - oldest if oldest else timedelta()
    if late <= timedelta():
        return Check("overdue", "no step is overdue")
    advice = "" if late <= LATE_AFTER else "start more workers of its queue; see `relance steps stats`"
    return Check("overdue", f"the oldest step is {late.total_seconds():.0f} s late", advice)


def _with_the_broker() -> Iterator[Check]:
    url = get_settings().broker_url.get_secret_value()
    yield _memory(url) if url.startswith("redis") else Check("broker", "answers")
    yield from _workers()


def _memory(url: str) -> Check:
    """An evicting broker loses messages silently; the sweep would send them again, late."""
    with Redis.from_url(url, socket_timeout=5) as client:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "?")
    advice = "" if policy == "noeviction" else "set maxmemory-policy noeviction in the broker"
    return Check("broker", f"answers, {policy}", advice)


def _workers() -> Iterator[Check]:
    replies = celery.control.inspect(timeout=REPLY_WITHIN).active_queues() or {}
    for queue in QUEUES:
        nodes = [node for node, queues in replies.items() if queue in {q["name"] for q in queues}]
        yield Check(f"workers: {queue}", ", ".join(nodes) or "nobody", "" if nodes else f"run `relance serve {queue}`")


def _mail() -> Check:
    if os.environ.get("SMTP_URL"):
        return Check("e-mail", "SMTP_URL is set")
    return Check("e-mail", "SMTP_URL is not set", "set SMTP_URL: without it no e-mail leaves")


def _ago(age: timedelta) -> str:
    return f"{age.total_seconds():.0f} s ago"
