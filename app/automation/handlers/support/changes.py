"""Changes of a step's lead, as data. Workers apply them with the services of `app.leads`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.type_aliases import JsonDict, JsonObject
from app.engine.outcomes import Change
from app.engine.sequences.sequence import ExitReason


class LeadChange(Change):
    """Base of changes that the services of `app.leads` apply to one lead."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ChangeStage(LeadChange):
    """Move the lead to a later stage. `lost` needs a reason."""

    stage: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AssignTo(LeadChange):
    """Assign the lead to an active user."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class AssignByRules(LeadChange):
    """Assign the lead by the clinic's assignment rules."""


@dataclass(frozen=True, slots=True)
class UpdateLead(LeadChange):
    """Change fields of the lead: add_tags, remove_tags, score, add_score, custom."""

    amendment: JsonObject


@dataclass(frozen=True, slots=True)
class CompleteTasks(LeadChange):
    """Complete the lead's open tasks of these types.

    `keys`: what the event is about; None: the whole lead. Tasks about something else stay. With `only_keyed` tasks
    about nothing stay, too.
    """

    types: Sequence[str]
    keys: Sequence[str] | None = None
    only_keyed: bool = False


@dataclass(frozen=True, slots=True)
class OptOut(LeadChange):
    """Opt the lead out of a channel: its provider says that the lead stopped the messages."""

    channel: str


@dataclass(frozen=True, slots=True)
class CountMessage(LeadChange):
    """Count a message that a user wrote, because it was handed over at this time."""

    activity_id: UUID
    handed_over_at: datetime


@dataclass(frozen=True, slots=True)
class DiscountMessage(LeadChange):
    """Mark a message that a user wrote as not delivered."""

    activity_id: UUID


@dataclass(frozen=True, slots=True)
class Enroll(Change):
    """Enroll the lead in the sequence. `made["result"]` is set before the outcome is saved. `key`: what it is about."""

    sequence: str
    made: JsonDict
    key: str = ""


@dataclass(frozen=True, slots=True)
class Unenroll(Change):
    """Take the lead out of the sequence, for this reason. `made`: as for Enroll."""

    sequence: str
    made: JsonDict
    reason: ExitReason = ExitReason.UNENROLLED
    keys: Sequence[str] | None = None  # what the event is about; None: the whole lead
