"""Replay the stories: move the clock from act to act, and run meanwhile what workers and beat would have run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.automation.simulation.sweeps import OVERDUE_TASKS
from app.automation.simulation.world import NOT_OVERDUE
from app.config import get_settings
from app.core.calendar.calendar import Calendar
from app.core.db import AnyRow, first_id_at, transaction
from app.engine.models import PENDING, Step
from app.identity.clinics import load_context
from app.identity.models import User
from app.messaging.channels import email
from app.messaging.channels.base import OutgoingMessage, Receipt, Sent
from app.messaging.channels.mail.mime import build_mime_message, parse_sender
from app.messaging.channels.registry import CHANNELS
from app.messaging.delivery.notifications import mark_all_read
from app.ops.demo.replay.acts import Progress, actor_of, arrive, perform, settle_escalations
from app.ops.demo.replay.schedule import Schedule
from app.ops.demo.replay.stories import WORKING_DAY, stories
from app.ops.mailbox.store import Store
from app.tasks.models import Task
from workers import runner
from workers.sweeps.run import SWEEPS

BEGINS: Final = timedelta(days=70)  # before now: the clinic is created
_DAILY: Final = ("detect_time_in_stage", "detect_stale_leads", "find_leads_without_next_action")
_READ_BEFORE: Final = WORKING_DAY * 0.7  # older notices are read


def replay(clinic_id: UUID, mails: Store) -> None:
    """Let the clinic's last weeks happen. E-mails are stored as those of the development mailbox.

    No worker may run meanwhile: it would run steps of the replay at the real time.
    """
    with transaction() as session:
        calendar = load_context(session, clinic_id).calendar
    now = clock.now()
    schedule = Schedule(calendar, now)
    plan = schedule.plan(stories())
    past = _Past(clinic_id, calendar, plan[0].at)
    progress: dict[int, Progress] = {}
    with _mail_kept_in(mails):
        for planned in plan:
            past.pass_until(planned.at)
            with clock.moved_to(planned.at), transaction() as session:
                if planned.act.name == "arrives":
                    progress[id(planned.story)] = arrive(session, clinic_id, planned)
                else:
                    perform(session, planned, schedule, progress[id(planned.story)])
        past.pass_until(now)
    _read_notices(clinic_id, schedule.at(_READ_BEFORE))


class _Past:
    """The time up to now of one clinic."""

    def __init__(self, clinic_id: UUID, calendar: Calendar, begins: datetime) -> None:
        self._clinic_id, self._calendar = clinic_id, calendar
        self._at = begins
        self._sweep_at = calendar.next_open(begins)
        self._tried: set[tuple[UUID, datetime]] = set()

    def pass_until(self, until: datetime) -> None:
        """Run the steps that become due until then and mark tasks overdue, each at its time, and the daily sweeps."""
        while True:
            with transaction() as session:
                steps, overdue = self._due_steps(session, until), self._overdue_at(session)
            at = min([self._sweep_at, overdue or until, *(step.due_at for step in steps)])
            if at >= until:
                break
            self._at = max(at, self._at)
            with clock.moved_to(self._at):
                self._run([step for step in steps if step.due_at <= self._at], is_overdue=at == overdue)
        self._at = until

    def _overdue_at(self, session: Session) -> datetime | None:
        """Return when the next task is marked as overdue."""
        of_clinic = (Task.clinic_id == self._clinic_id, Task.status.in_(NOT_OVERDUE))
        due_at = session.scalar(select(func.min(Task.due_at)).where(*of_clinic))
        return due_at + OVERDUE_TASKS if due_at else None

    def _due_steps(self, session: Session, until: datetime) -> list[AnyRow]:
        """Return the steps that are due before `until`, without those that were run and wait for something else."""
        pending = (Step.clinic_id == self._clinic_id, Step.state.in_(PENDING), Step.due_at < until)
        found = session.execute(select(Step.id, Step.kind, Step.due_at).where(*pending)).all()
        return [step for step in found if (step.id, step.due_at) not in self._tried]

    def _run(self, due: Sequence[AnyRow], *, is_overdue: bool) -> None:
        """Do what beat and workers do at this time."""
        if is_overdue:
            _sweep("mark_overdue_tasks")
        if self._at >= self._sweep_at:
            for name in _DAILY:
                _sweep(name)
            with transaction() as session:
                settle_escalations(session, self._clinic_id)
            self._sweep_at = self._calendar.add_business_time(self._at, WORKING_DAY)
        self._tried |= {(step.id, step.due_at) for step in due}
        for kind in sorted({step.kind for step in due}):
            runner.run(kind, [step.id for step in due if step.kind == kind], clinic_id=self._clinic_id)


def _sweep(name: str) -> None:
    with transaction() as session:
        SWEEPS[name](session)


@contextmanager
def _mail_kept_in(store: Store) -> Iterator[None]:
    """Let e-mails be stored as the development mailbox stores them, which does not run yet."""
    sender = parse_sender(get_settings().mail_from)

    def send(message: OutgoingMessage) -> Receipt:
        mail = build_mime_message(message, sender)
        name = store.keep(mail.content, sender=mail.sender, recipients=[mail.recipient], at=clock.now())
        return Sent(f"250 stored as {name}")

    usual = list(CHANNELS.values())
    CHANNELS.fill(replace(one, send=send) if one.name == email.CHANNEL.name else one for one in usual)
    try:
        yield
    finally:
        CHANNELS.fill(usual)


def _read_notices(clinic_id: UUID, at: datetime) -> None:
    """Let each user have read the notices up to then."""
    with clock.moved_to(at), transaction() as session:
        for user_id in session.scalars(select(User.id).where(User.clinic_id == clinic_id)).all():
            mark_all_read(session, actor_of(session, clinic_id, User.id == user_id), up_to=first_id_at(at))
