"""Acts of the stories: each calls the service that a user, a lead's mail or a form calls."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.core.calendar.calendar import Calendar
from app.core.db import new_id
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Role, User
from app.identity.roles import grants_of
from app.leads.activities.service import log_activity
from app.leads.attribution.models import LeadSource
from app.leads.capture.capture import capture_lead
from app.leads.enums import OPEN_STATUSES, CaptureChannel, PatientRelationship, PreferredContact
from app.leads.models import Lead
from app.leads.pipeline.closing import convert, lose
from app.leads.pipeline.stages import change_stage
from app.leads.search.open_task import IS_OPEN_TASK
from app.leads.timeline.models import ActivityType, Direction, Outcome
from app.messaging.channels import email
from app.messaging.inbound.answers import write_message
from app.messaging.inbound.models import InboundEmail
from app.messaging.inbound.receive import receive_email
from app.messaging.models import Notification
from app.ops.demo.replay.schedule import VISITS, Planned, Schedule
from app.ops.demo.seed_data import MAILBOX
from app.tasks.models import Task, TaskPriority, TaskType
from app.tasks.service import complete, create_task

_DOMAIN: Final = "people.example"
_BY_THEMSELVES: Final = frozenset({CaptureChannel.WEB_FORM, CaptureChannel.SOCIAL})
_NOON: Final = 12
_SOON: Final = timedelta(hours=4)
_LATEST: Final = timedelta(minutes=30)  # after the act that completes a task
_TO_PREPARE: Final = timedelta(minutes=15)
_BEFORE_VISITS: Final = (TaskType.CONSULTATION_CONFIRM, TaskType.DOCUMENT_REVIEW)
_OF_LEADS: Final = frozenset({"replies", "texted", "reminds"})  # acts that answer no task of a coordinator
_ANSWER: Final = "reply"  # a message without a subject of its own


@dataclass
class Progress:
    """The progress of a story: its lead and the last appointment."""

    lead_id: UUID
    visit_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One act at its time, in a transaction."""

    session: Session
    planned: Planned
    schedule: Schedule
    progress: Progress
    lead: Lead
    actor: Actor  # the coordinator of the lead

    @property
    def value(self) -> str:
        """The main value of the act, with its placeholders filled in."""
        return self.filled(str(self.planned.act.value))

    @property
    def says(self) -> JsonDict:
        """The notes of the act, as a field of an activity."""
        says = self.planned.act.details.get("says")
        return {"notes": self.filled(says)} if says else {}

    def detail(self, name: str) -> str:
        return self.filled(self.planned.act.details[name]).strip()

    def filled(self, text: str) -> str:
        """Return the text with the coordinator's first name and the date of the appointment."""
        if "{me}" in text:
            text = text.replace("{me}", self.actor.name.split(maxsplit=1)[0])
        if self.progress.visit_at:
            text = text.replace("{date}", _date(self.actor.clinic.calendar, self.progress.visit_at))
        return text

    def log(self, kind: ActivityType, **given: object) -> None:
        """Log an activity of the coordinator."""
        log_activity(self.session, self.actor, self.progress.lead_id, {"type": kind, **given})

    def plan(self, title: str, kind: TaskType, due_at: datetime, priority: TaskPriority = TaskPriority.NORMAL) -> None:
        """Create a task of the coordinator."""
        task = {"title": title, "type": kind, "priority": priority, "due_at": due_at}
        create_task(self.session, self.actor, self.progress.lead_id, task)

    def finish_tasks(self, *kinds: TaskType, notes: str | None = None) -> None:
        """Complete the coordinator's open tasks of these kinds about the lead, except those that ask for a contact."""
        of_lead = (Task.lead_id == self.progress.lead_id, Task.assigned_to_id == self.actor.user_id, IS_OPEN_TASK)
        tasks = select(Task.id).where(*of_lead, Task.type.in_(kinds), ~Task.asks_for_contact)
        for task_id in self.session.scalars(tasks).all():
            complete(self.session, self.actor, task_id, {"notes": notes} if notes else {})

    def plan_preparation(self, visit_at: datetime) -> None:
        """Create the task to prepare an appointment."""
        due_at = visit_at - _TO_PREPARE
        is_open = self.actor.clinic.calendar.is_open(due_at)
        title = f"Prepare the file of {self.planned.story.lead['first_name']}"
        self.plan(title, TaskType.DOCUMENT_REVIEW, due_at if is_open else visit_at + timedelta(minutes=1))

    def plan_next(self) -> None:
        """Create a task for what the coordinator does next about the lead, if that is not soon."""
        act, at, lead = self.planned.next_act, self.planned.next_at, self.lead
        if act is None or at is None or at < self.planned.at + _SOON or act.name in VISITS:
            return
        if lead.status not in OPEN_STATUSES or self.planned.act.name == "arrives":
            return
        is_call = act.name == "call"
        title = f"Call {lead.first_name} again" if is_call else f"Follow up with {lead.first_name}"
        self.plan(title, TaskType.CALL if is_call else TaskType.FOLLOW_UP, self.schedule.open_time(at + _LATEST))


def perform(session: Session, planned: Planned, schedule: Schedule, progress: Progress) -> None:
    """Perform the act, as a coordinator who works through the queue."""
    lead = session.get_one(Lead, progress.lead_id)
    actor = actor_of(session, lead.clinic_id, User.id == lead.assigned_to_id)
    scene, name = Scene(session, planned, schedule, progress, lead, actor), planned.act.name
    if name not in _OF_LEADS:
        scene.finish_tasks(TaskType.FOLLOW_UP)
    ACTS[name](scene)
    scene.session.flush()
    if name == "call":
        scene.finish_tasks(TaskType.CALL)
    scene.plan_next()


def settle_escalations(session: Session, clinic_id: UUID) -> None:
    """Let the admin complete the escalated tasks that are due."""
    admin = actor_of(session, clinic_id, User.role == Role.CLINIC_ADMIN)
    escalated = select(Task.id).where(Task.assigned_to_id == admin.user_id, IS_OPEN_TASK, Task.due_at < clock.now())
    for task_id in session.scalars(escalated).all():
        complete(session, admin, task_id, {"notes": "Talked it over with the coordinator."})


def actor_of(session: Session, clinic_id: UUID, *conditions: object) -> Actor:
    """Return the first user of the clinic for these conditions as the actor."""
    users = select(User).where(User.clinic_id == clinic_id, *conditions)  # type: ignore[arg-type]
    user = session.scalars(users.order_by(User.id).limit(1)).one()
    grants = grants_of(session, clinic_id, user.role)
    return Actor(load_context(session, clinic_id), user.id, user.name, user.role, grants)


def arrive(session: Session, clinic_id: UUID, planned: Planned) -> Progress:
    """Create the lead: by itself, or by the front desk."""
    lead, act = planned.story.lead, planned.act
    channel = CaptureChannel(act.value)
    clinic = load_context(session, clinic_id)
    by_desk = None if channel in _BY_THEMSELVES else actor_of(session, clinic_id, User.role == Role.FRONT_DESK)
    source = select(LeadSource.id).where(LeadSource.clinic_id == clinic_id, LeadSource.category == lead["source"])
    data = {
        "first_name": lead["first_name"],
        "last_name": lead["last_name"],
        "email": address_of(lead),
        "phone": f"+1 {lead['phone']}",
        "source_id": session.scalars(source.limit(1)).one(),
        "capture_channel": channel,
        "treatment_interest": [lead["interest"]],
        "lead_value": Decimal(lead["value"]),
        "preferred_contact": PreferredContact(lead.get("prefers", PreferredContact.PHONE)),
        "notes": act.details["says"],
        **_patient(lead),
        **({"language": lead["language"]} if "language" in lead else {}),
    }
    return Progress(capture_lead(session, by_desk or Actor.system(clinic), data).id)


def address_of(lead: JsonObject) -> str:
    """Return the e-mail address of a lead: its name in plain letters."""
    name = f"{lead['first_name']}.{lead['last_name']}".lower().replace("'", "")
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() + f"@{_DOMAIN}"


def _patient(lead: JsonObject) -> JsonDict:
    if "patient" not in lead:
        return {}
    first, last = lead["patient"].split(maxsplit=1)
    return {
        "patient_first_name": first,
        "patient_last_name": last,
        "patient_relationship": PatientRelationship.CHILD,
    }


def _call(scene: Scene) -> None:
    scene.log(ActivityType.PHONE_CALL, outcome=Outcome(scene.value), direction=Direction.OUTBOUND, **scene.says)


def _called(scene: Scene) -> None:
    scene.log(ActivityType.PHONE_CALL, outcome=Outcome(scene.value), direction=Direction.INBOUND, **scene.says)


def _met(scene: Scene) -> None:
    scene.log(ActivityType.IN_PERSON, outcome=Outcome.SPOKE, notes=scene.value)


def _texts(scene: Scene) -> None:
    scene.log(ActivityType.SMS, direction=Direction.OUTBOUND, notes=scene.value)


def _texted(scene: Scene) -> None:
    scene.log(ActivityType.SMS, direction=Direction.INBOUND, notes=scene.value)


def _note(scene: Scene) -> None:
    scene.log(ActivityType.NOTE, notes=scene.value)


def _quote(scene: Scene) -> None:
    scene.log(ActivityType.QUOTE_SENT, direction=Direction.OUTBOUND, notes=scene.value)


def _books(scene: Scene) -> None:
    scene.progress.visit_at = visit_at = scene.schedule.visit(scene.planned)
    scene.log(ActivityType.CONSULTATION_SCHEDULED, scheduled_for=visit_at, **scene.says)
    if visit_at is None:
        return
    if due_at := scene.schedule.reminder(visit_at, scene.planned.at):
        title = f"Remind {scene.planned.story.lead['first_name']} of the consultation"
        scene.plan(title, TaskType.CONSULTATION_CONFIRM, due_at)
    else:
        scene.plan_preparation(visit_at)


def _reminds(scene: Scene) -> None:
    scene.finish_tasks(TaskType.CONSULTATION_CONFIRM, notes="Reminded by text message; will come.")
    if scene.planned.visit_at:
        scene.plan_preparation(scene.planned.visit_at)


def _attends(scene: Scene) -> None:
    scene.finish_tasks(*_BEFORE_VISITS)
    scene.log(ActivityType.CONSULTATION_COMPLETED, notes=scene.value)


def _misses(scene: Scene) -> None:
    scene.finish_tasks(*_BEFORE_VISITS)
    scene.log(ActivityType.CONSULTATION_MISSED, notes=scene.value)


def _stage(scene: Scene) -> None:
    change_stage(scene.session, scene.actor, scene.progress.lead_id, {"stage": scene.value})


def _converts(scene: Scene) -> None:
    convert(scene.session, scene.actor, scene.progress.lead_id)


def _loses(scene: Scene) -> None:
    lose(scene.session, scene.actor, scene.progress.lead_id, {"reason": scene.value, **scene.says})


def _task(scene: Scene) -> None:
    details = scene.planned.act.details
    due_at = scene.schedule.due(details["due"])
    scene.plan(scene.value, TaskType(details["type"]), due_at, TaskPriority(details["priority"]))


def _writes(scene: Scene) -> None:
    """Write an e-mail to the lead: an answer to its last mail, or one with a subject."""
    data: JsonDict = {"channel": email.CHANNEL.name, "body": scene.detail("text")}
    if scene.planned.act.value == _ANSWER:
        of_lead = select(InboundEmail.id).where(InboundEmail.lead_id == scene.progress.lead_id)
        data["in_reply_to"] = scene.session.scalars(of_lead.order_by(InboundEmail.id.desc()).limit(1)).one()
    else:
        data["subject"] = scene.value
    write_message(scene.session, scene.actor, scene.progress.lead_id, data)


def _replies(scene: Scene) -> None:
    """Receive a mail of the lead: with a subject of its own, or as an answer to the last e-mail to it."""
    lead, details = scene.planned.story.lead, scene.planned.act.details
    mail = EmailMessage()
    mail["From"] = f"{lead['first_name']} {lead['last_name']} <{address_of(lead)}>"
    mail["To"] = MAILBOX
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = f"<{new_id()}@{_DOMAIN}>"
    if "subject" in details:
        mail["Subject"] = details["subject"]
    else:
        sent = _last_message(scene)
        mail["Subject"] = f"Re: {sent.subject.removeprefix('Re: ')}"
        mail["In-Reply-To"] = email.message_id(sent.id)
    if details.get("is_automatic"):
        mail["Auto-Submitted"] = "auto-replied"
    mail.set_content(scene.value)
    receive_email(scene.session, scene.actor.clinic.id, mail.as_bytes(), received_at=clock.now(), via="imap")


def _last_message(scene: Scene) -> Notification:
    of_lead = (Notification.lead_id == scene.progress.lead_id, Notification.user_id.is_(None))
    by_mail = select(Notification).where(*of_lead, Notification.channel == email.CHANNEL.name)
    return scene.session.scalars(by_mail.order_by(Notification.id.desc()).limit(1)).one()


def _date(calendar: Calendar, at: datetime) -> str:
    local = calendar.local(at)
    return f"{local:%A, %B} {local.day} at {local.hour % 12 or 12}:{local:%M} {'am' if local.hour < _NOON else 'pm'}"


ACTS: Final[Mapping[str, Callable[[Scene], None]]] = {
    "attends": _attends,
    "books": _books,
    "call": _call,
    "called": _called,
    "converts": _converts,
    "loses": _loses,
    "met": _met,
    "misses": _misses,
    "note": _note,
    "quote": _quote,
    "reminds": _reminds,
    "replies": _replies,
    "stage": _stage,
    "task": _task,
    "texted": _texted,
    "texts": _texts,
    "writes": _writes,
}
