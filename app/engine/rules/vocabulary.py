"""What conditions can ask about: every field, its type and its values. Rules are checked and explained by it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Type(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    TRUTH = "true or false"
    INSTANT = "instant"
    DATE = "date"
    LIST = "list of texts"
    ANY = "any"  # what an integrator sends along, or a clinic's own field that is not looked up


class When(StrEnum):
    """When a field is known: as an event happens (`when`), as a step is due (`only_if`, `unless`, `branch`)."""

    PLANNING = "planning"
    DUE = "due"
    ENROLLED = "enrolled"  # as a step of a sequence is due
    ALWAYS = "always"


# What else is known then.
_KNOWN_TOO: Final[Mapping[When, frozenset[When]]] = {
    When.PLANNING: frozenset({When.PLANNING, When.ALWAYS}),
    When.DUE: frozenset({When.DUE, When.ALWAYS}),
    When.ENROLLED: frozenset({When.ENROLLED, When.DUE, When.ALWAYS}),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One fact. `values`: the only ones it can have, where they are known to all clinics."""

    type: Type
    about: str
    values: frozenset[str] = frozenset()
    known: When = When.ALWAYS

    def is_known(self, when: When) -> bool:
        """Whether it can be asked for then."""
        return self.known in _KNOWN_TOO[when]


TASK_TYPES: Final = frozenset(
    {
        *("CALL", "EMAIL", "SMS", "VIDEO_CALL", "MEETING", "FOLLOW_UP", "CONSULTATION_CONFIRM", "PAPERWORK_REMINDER"),
        *("DOCUMENT_REVIEW", "APPLICATION_STATUS", "VISA_STATUS", "TEST_SCORE_REVIEW", "PAYMENT", "SERVICE", "CUSTOM"),
    }
)
PRIORITIES: Final = frozenset({"LOW", "NORMAL", "HIGH", "URGENT"})
LOST_REASONS: Final = frozenset(
    {"CHOSE_COMPETITOR", "COST_FINANCIAL", "TIMING_NOT_RIGHT", "NOT_A_CANDIDATE", "NO_RESPONSE"}
    | {"INSURANCE_ISSUES", "RELOCATED", "OTHER"}
)
SOURCE_CATEGORIES: Final = frozenset(
    {"DOCTOR_REFERRAL", "PATIENT_REFERRAL", "WEB_ORGANIC", "WEB_PAID", "WEB_SOCIAL", "PRINT_AD", "COMMUNITY_EVENT"}
    | {"SCHOOL_SCREENING", "WALK_IN", "OTHER"}
)
LEAD_STATUSES: Final = frozenset({"NEW", "ACTIVE", "CONVERTED", "LOST", "ARCHIVED"})
TASK_STATUSES: Final = frozenset({"PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED", "OVERDUE"})

TEXT, NUMBER, TRUTH, INSTANT, LIST = Type.TEXT, Type.NUMBER, Type.TRUTH, Type.INSTANT, Type.LIST

FIELDS: Final[Mapping[str, Field]] = {
    # Those of the lead that every event carries.
    "lead.status": Field(TEXT, "Where the lead stands.", LEAD_STATUSES),
    "lead.pipeline_stage": Field(TEXT, "The slug of the stage that it is in."),
    "lead.failed_attempts": Field(NUMBER, "Attempts without response in a row."),
    "lead.contacted_at": Field(INSTANT, "When somebody last spoke with it."),
    "lead.replied_at": Field(INSTANT, "When it last wrote or called."),
    "lead.opted_out_at": Field(INSTANT, "When it asked not to be written to."),
    "lead.assigned_to_id": Field(TEXT, "The id of its coordinator."),
    "lead.email": Field(TEXT, "Its address."),
    "lead.phone": Field(TEXT, "Its number."),
    "lead.preferred_contact": Field(TEXT, "How it would like to be reached."),
    "lead.language": Field(TEXT, "The language it is written to in, such as fr-CA."),
    "lead.timezone": Field(TEXT, "Its zone, such as America/New_York."),
    "lead.source_id": Field(TEXT, "The id of its source."),
    # Those that are looked up where a rule asks for them.
    "lead.source": Field(TEXT, "The name of its source."),
    "lead.source_category": Field(TEXT, "What kind of source it is.", SOURCE_CATEGORIES),
    "lead.capture_channel": Field(TEXT, "How it came in: by hand, a web form, an import, the API."),
    "lead.social_platform": Field(TEXT, "Where it wrote from."),
    "lead.tags": Field(LIST, "Its tags."),
    "lead.treatment_interest": Field(LIST, "What it asked about."),
    "lead.value": Field(NUMBER, "What it is worth, in the clinic's currency."),
    "lead.score": Field(NUMBER, "How promising it is, 0 to 100."),
    "lead.city": Field(TEXT, "Its city."),
    "lead.state": Field(TEXT, "Its state or region."),
    "lead.postal_code": Field(TEXT, "Its postal code."),
    "lead.lost_reason": Field(TEXT, "Why it was lost.", LOST_REASONS),
    "lead.created_at": Field(INSTANT, "When it came in."),
    "lead.last_activity_at": Field(INSTANT, "When something last happened with it."),
    "lead.stage_entered_at": Field(INSTANT, "Since when it is in its stage."),
    "lead.assigned_at": Field(INSTANT, "When it was given to its coordinator."),
    "lead.next_follow_up_at": Field(INSTANT, "When the first of its open tasks is due; there is none without such."),
    "task.status": Field(TEXT, "Where the task stands.", TASK_STATUSES),
    "task.type": Field(TEXT, "What kind of task it is.", TASK_TYPES),
    "task.priority": Field(TEXT, "How urgent it is.", PRIORITIES),
    "task.due_at": Field(INSTANT, "When it is due."),
    "event.stage": Field(TEXT, "The stage that the lead is in now.", known=When.PLANNING),
    "event.previous_stage": Field(TEXT, "The stage that it was in before.", known=When.PLANNING),
    "event.type": Field(TEXT, "The type of the activity or task.", known=When.PLANNING),
    "event.outcome": Field(TEXT, "What came of the activity or task.", known=When.PLANNING),
    "event.direction": Field(
        TEXT, "Whether the activity came in or went out.", frozenset({"INBOUND", "OUTBOUND"}), known=When.PLANNING
    ),
    "event.changed": Field(LIST, "The names of the fields that were changed.", known=When.PLANNING),
    "event.reason": Field(TEXT, "Why the lead was lost.", LOST_REASONS, known=When.PLANNING),
    "event.score": Field(NUMBER, "The lead's new score.", known=When.PLANNING),
    "event.previous_score": Field(NUMBER, "The lead's score before.", known=When.PLANNING),
    "event.scheduled_for": Field(INSTANT, "When the consultation takes place.", known=When.PLANNING),
    "event.template": Field(TEXT, "The template of the message.", known=When.PLANNING),
    "event.channel": Field(TEXT, "The channel of the message.", known=When.PLANNING),
    "since.contacted": Field(TRUTH, "Whether somebody spoke with the lead since the step was planned.", known=When.DUE),
    "since.replied": Field(TRUTH, "Whether the lead answered since the step was planned.", known=When.DUE),
    **{
        f"enrollment.{name}": Field(TRUTH, about, known=When.ENROLLED)
        for name, about in {
            "opened": "Whether one of its messages was opened. Unknown, and so neither, where no gateway told of any.",
            "clicked": "Whether a link in one of its messages was clicked. Unknown as `enrollment.opened`.",
            "replied": "Whether the lead answered since it was enrolled.",
            "last_opened": "Whether the last message of it was opened. Unknown as `enrollment.opened`.",
            "last_clicked": "Whether a link in the last message of it was clicked. Unknown as `enrollment.opened`.",
        }.items()
    },
}
# Fields that a clinic or an integrator names: `lead.custom.passport_expiry`, `event.data.page`.
OPEN: Final[Mapping[str, When]] = {"lead.custom": When.ALWAYS, "event.data": When.PLANNING}
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")

# What every event carries; everything else of a lead is looked up, and only where it is asked for.
CARRIED: Final = frozenset(
    {"status", "pipeline_stage", "failed_attempts", "contacted_at", "replied_at", "opted_out_at", "assigned_to_id"}
    | {"email", "phone", "preferred_contact", "timezone", "language", "source_id"}
)


def field_of(path: str, custom: Mapping[str, Field] | None = None) -> Field | None:
    """The field at a path such as `lead.status`. `custom`: the clinic's own; None: not known here, so any."""
    if path in FIELDS:
        return FIELDS[path]
    group, _, key = path.rpartition(".")
    if group not in OPEN or not _KEY.fullmatch(key):
        return None
    if group == "lead.custom" and custom is not None:
        return custom.get(key)
    return Field(Type.ANY, "", known=OPEN[group])


def known_at(when: When, custom: Mapping[str, Field] | None = None) -> list[str]:
    """The paths that can be asked for then, for a mistake to name."""
    own = {f"lead.custom.{key}": field for key, field in (custom or {}).items()}
    return [path for path, field in {**FIELDS, **own}.items() if field.is_known(when)]


def looked_up(paths: frozenset[str]) -> frozenset[str]:
    """Of these paths, the names of a lead's facts that an event does not carry: `tags`, `custom.passport_expiry`."""
    of_leads = (path.removeprefix("lead.") for path in paths if path.startswith("lead."))
    return frozenset(name for name in of_leads if name not in CARRIED)
