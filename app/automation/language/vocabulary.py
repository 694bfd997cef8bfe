"""Fields for conditions: path, type, values, and the moment at which each is known."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.engine.rules.conditions import CARRIED
from app.leads.attribution.models import SourceCategory
from app.leads.enums import CaptureChannel, LeadStatus, LostReason
from app.leads.fields import TESTED, Form, LeadField, RuleFact
from app.leads.timeline.models import ActivityType, Direction, Outcome
from app.leads.timeline.sentiment import Sentiment
from app.tasks.models import TaskPriority, TaskStatus, TaskType


class Type(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    TRUTH = "true or false"
    INSTANT = "instant"
    DATE = "date"
    LIST = "list of texts"
    ANY = "any"  # data that an integrator sends, or a custom field whose definition is not loaded


class Refers(StrEnum):
    """A kind of record that a field names by its id."""

    USER = "user"
    SOURCE = "source"


class When(StrEnum):
    """The moment at which a field is known."""

    PLANNING = "planning"  # as an event happens: `when`
    DUE = "due"  # as a step is due: `only_if`, `unless`, `branch`
    ENROLLED = "enrolled"  # as a step of a sequence is due
    ALWAYS = "always"


# The fields known at each moment, by the moment that they name.
_INCLUDES: Final[Mapping[When, frozenset[When]]] = {
    When.PLANNING: frozenset({When.PLANNING, When.ALWAYS}),
    When.DUE: frozenset({When.DUE, When.ALWAYS}),
    When.ENROLLED: frozenset({When.ENROLLED, When.DUE, When.ALWAYS}),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `values`: its possible values, if they are the same for all clinics.

    `is_stage`: its values are the slugs of the clinic's stages. `refers`: its values are ids of the clinic's records.
    """

    type: Type
    about: str
    values: frozenset[str] = frozenset()
    known: When = When.ALWAYS
    is_stage: bool = False
    refers: Refers | None = None
    least: int | None = None  # the smallest possible number
    most: int | None = None  # the greatest possible number
    is_whole: bool = False  # its numbers have no fraction
    is_set: bool = False  # every lead has a value

    def is_known(self, when: When) -> bool:
        """Return whether conditions can use the field at that moment."""
        return self.known in _INCLUDES[when]


def _values(options: type[StrEnum]) -> frozenset[str]:
    return frozenset(member.value for member in options)


TEXT, NUMBER, TRUTH, INSTANT, LIST = Type.TEXT, Type.NUMBER, Type.TRUTH, Type.INSTANT, Type.LIST

_DECLARED_TYPES: Final[Mapping[Form, Type]] = {
    Form.DAY: Type.DATE,
    Form.PAST_DAY: Type.DATE,
    Form.CHOICES: LIST,
    Form.TAGS: LIST,
    Form.MONEY: NUMBER,
    Form.WHOLE: NUMBER,
}  # others are text
_REFERS: Final = {"source_id": Refers.SOURCE}


def _declared(facts: Collection[str]) -> dict[str, Field]:
    """Return the fields of conditions for declared fields of a lead, in the order of the declarations."""
    return {f"lead.{fact}": _of_declaration(field) for fact, field in TESTED.items() if fact in facts}


def _of_declaration(field: LeadField) -> Field:
    kind, tested = field.kind, field.condition or RuleFact("")
    type_ = _DECLARED_TYPES.get(kind.form, TEXT)
    return Field(
        type_,
        tested.about,
        _values(kind.options) if kind.options and kind.form is Form.CHOICE else frozenset(),
        refers=_REFERS.get(field.name),
        least=kind.least if type_ is NUMBER else None,
        most=kind.most if kind.form is Form.WHOLE else None,
        is_whole=kind.form is Form.WHOLE,
        is_set=tested.is_set,
    )


FIELDS: Final[Mapping[str, Field]] = {
    # Fields of the lead that every event carries.
    "lead.status": Field(TEXT, "The status of the lead.", _values(LeadStatus), is_set=True),
    "lead.pipeline_stage": Field(TEXT, "The slug of its pipeline stage.", is_stage=True, is_set=True),
    "lead.failed_attempts": Field(
        NUMBER, "The number of contact attempts in a row without a response.", least=0, is_whole=True, is_set=True
    ),
    "lead.contacted_at": Field(INSTANT, "When a user was last in contact with the lead."),
    "lead.replied_at": Field(INSTANT, "When the lead last wrote or called."),
    "lead.opted_out_at": Field(INSTANT, "When the lead opted out of messages."),
    "lead.assigned_to_id": Field(TEXT, "The id of its coordinator.", refers=Refers.USER),
    **_declared(TESTED.keys() & CARRIED),
    # Fields that are loaded only if a rule uses them.
    "lead.source": Field(TEXT, "The name of its source."),
    "lead.source_category": Field(TEXT, "The category of its source.", _values(SourceCategory)),
    "lead.capture_channel": Field(TEXT, "How the lead was captured.", _values(CaptureChannel)),
    **_declared(TESTED.keys() - CARRIED),
    "lead.lost_reason": Field(TEXT, "Why it was lost.", _values(LostReason)),
    "lead.created_at": Field(INSTANT, "When the lead was created.", is_set=True),
    "lead.last_activity_at": Field(INSTANT, "When the lead was last active."),
    "lead.stage_entered_at": Field(INSTANT, "When it entered its stage."),
    "lead.assigned_at": Field(INSTANT, "When it was assigned to its coordinator."),
    "lead.first_contact_at": Field(INSTANT, "When a user was first in contact with it, or tried to be."),
    "lead.hours_to_first_contact": Field(NUMBER, "The hours from its creation to its first contact.", least=0),
    "lead.past_stages": Field(LIST, "The slugs of the stages that it has left."),
    "lead.has_email": Field(TRUTH, "Whether it has an e-mail address.", is_set=True),
    "lead.has_phone": Field(TRUTH, "Whether it has a phone number.", is_set=True),
    "lead.has_opened": Field(TRUTH, "Whether a person opened one of its e-mails; needs tracking."),
    "lead.next_follow_up_at": Field(INSTANT, "When its first open task is due; empty if it has no open task."),
    "lead.best_hours": Field(LIST, "The hours at which it is best reached, the best first, such as `weekday 17`."),
    "lead.lost_suggested_at": Field(
        INSTANT, "When closing it as lost was suggested, or is planned to be; empty again once it answers."
    ),
    "task.status": Field(TEXT, "The status of the task.", _values(TaskStatus)),
    "task.type": Field(TEXT, "The type of the task.", _values(TaskType)),
    "task.priority": Field(TEXT, "The priority of the task.", _values(TaskPriority)),
    "task.due_at": Field(INSTANT, "When the task is due."),
    "event.stage": Field(TEXT, "The stage of the lead after the event.", known=When.PLANNING, is_stage=True),
    "event.previous_stage": Field(TEXT, "The stage of the lead before the event.", known=When.PLANNING, is_stage=True),
    "event.type": Field(
        TEXT, "The type of the activity or task.", _values(ActivityType) | _values(TaskType), known=When.PLANNING
    ),
    "event.outcome": Field(TEXT, "The outcome of the activity or task.", _values(Outcome), known=When.PLANNING),
    "event.direction": Field(TEXT, "The direction of the activity.", _values(Direction), known=When.PLANNING),
    "event.sentiment": Field(
        TEXT, "The sentiment of the message from the lead; off by default.", _values(Sentiment), known=When.PLANNING
    ),
    "event.changed": Field(LIST, "The names of the changed fields.", known=When.PLANNING),
    "event.reason": Field(TEXT, "Why the lead was lost.", _values(LostReason), known=When.PLANNING),
    "event.score": Field(NUMBER, "The lead's new score.", known=When.PLANNING, least=0, most=100, is_whole=True),
    "event.previous_score": Field(
        NUMBER, "The lead's score before.", known=When.PLANNING, least=0, most=100, is_whole=True
    ),
    "event.score_change": Field(
        NUMBER, "The new score minus the score before.", known=When.PLANNING, least=-100, most=100, is_whole=True
    ),
    "event.scheduled_for": Field(INSTANT, "The time of the consultation.", known=When.PLANNING),
    "event.template": Field(TEXT, "The template of the message.", known=When.PLANNING),
    "event.channel": Field(TEXT, "The channel of the message.", known=When.PLANNING),
    "since.contacted": Field(
        TRUTH, "Whether a user was in contact with the lead since the step was planned.", known=When.DUE
    ),
    "since.replied": Field(TRUTH, "Whether the lead replied since the step was planned.", known=When.DUE),
    **{
        f"enrollment.{name}": Field(TRUTH, about, known=When.ENROLLED)
        for name, about in {
            "opened": "Whether a person opened one of its messages. Unknown without gateway or tracking.",
            "clicked": "Whether a link in one of its messages was clicked. Unknown like `enrollment.opened`.",
            "replied": "Whether the lead replied since it was enrolled.",
            "last_opened": "Whether its last message was opened. Unknown like `enrollment.opened`.",
            "last_clicked": "Whether a link in its last message was clicked. Unknown like `enrollment.opened`.",
        }.items()
    },
}
# Groups of fields whose keys clinics or integrators define: `lead.custom.passport_expiry`, `event.data.page`.
OPEN: Final[Mapping[str, When]] = {"lead.custom": When.ALWAYS, "event.data": When.PLANNING}
KEY: Final = "[a-z][a-z0-9_]{0,62}"


def field_of(path: str, custom: Mapping[str, Field] | None = None) -> Field | None:
    """Return the field at a path such as `lead.status`. `custom`: the custom fields; None: any key is allowed."""
    if path in FIELDS:
        return FIELDS[path]
    group, _, key = path.rpartition(".")
    if group not in OPEN or not re.fullmatch(KEY, key):
        return None
    if group == "lead.custom" and custom is not None:
        return custom.get(key)
    return Field(Type.ANY, "", known=OPEN[group])


def fields_at(when: When, custom: Mapping[str, Field] | None = None) -> dict[str, Field]:
    """Return the fields that conditions can use at that moment, by path."""
    own = {f"lead.custom.{key}": field for key, field in (custom or {}).items()}
    return {path: field for path, field in {**FIELDS, **own}.items() if field.is_known(when)}
