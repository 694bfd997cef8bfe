"""Notify users of tasks that others gave them: one notice for one call, however many tasks it gives."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.messaging.channels import in_app
from app.messaging.compose import MessageMetadata
from app.messaging.rendering.render import Wording
from app.messaging.rendering.variables import local_time
from app.messaging.user_notices.send import send_notice
from app.messaging.user_preferences.kinds import NoticeKind
from app.tasks.models import Task

TASK_REASSIGNED: Final = "task-handed-over"  # name of the message; clinics cannot change its text


def notify_assignees(session: Session, actor: Actor, tasks: Iterable[Task], *, reason: str | None = None) -> None:
    """Send each user one notice of these tasks, except the actor and users without tasks among them."""
    given: defaultdict[UUID, list[Task]] = defaultdict(list)
    for task in tasks:
        if task.assigned_to_id is not None:
            given[task.assigned_to_id].append(task)
    single = {user_id: own[0] for user_id, own in given.items() if len(own) == 1}
    for user_id, task in single.items():
        if user_id != actor.user_id:
            _send(session, actor.clinic, user_id, _wording(actor, task, reason), task=task)
    many = Counter({user_id: len(own) for user_id, own in given.items() if user_id not in single})
    notify_of_many(session, actor.clinic, many, by=(actor.user_id, actor.name))


def notify_of_many(
    session: Session, clinic: ClinicContext, tasks: Mapping[UUID, int], *, by: tuple[UUID | None, str]
) -> None:
    """Send each user but the giver (`by`: id and name) a notice of how many tasks they got.

    It has no titles: a title may name a person, and an erasure finds only the notices of one lead.
    """
    giver, name = by
    for user_id, number in sorted(tasks.items()):
        if user_id != giver:
            what = "1 task" if number == 1 else f"{number} tasks"
            _send(session, clinic, user_id, Wording(f"{what} assigned to you", f"{name} assigned {what} to you."))


def _wording(actor: Actor, task: Task, reason: str | None) -> Wording:
    due = local_time(actor.clinic.calendar, task.due_at)
    body = f"{actor.name} assigned this task to you: {task.title}. It is due on {due}."
    return Wording(f"Assigned to you: {task.title}", f"{body}\n\n{reason}" if reason else body)


def _send(
    session: Session, clinic: ClinicContext, user_id: UUID, wording: Wording, *, task: Task | None = None
) -> None:
    channels: Sequence[str] = [in_app.CHANNEL.name]
    metadata = MessageMetadata(
        clinic.id,
        template=TASK_REASSIGNED,
        notice=NoticeKind.ASSIGNMENT,
        lead_id=task.lead_id if task else None,
        task_id=task.id if task else None,
    )
    send_notice(session, clinic, user_id, wording, metadata=metadata, channels=channels, at=now())
