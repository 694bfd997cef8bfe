"""Tables of weights: conditions with points. The defaults, and the score of a lead by such a table. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Facts
from app.engine.rules.conditions import Test, all_of, single_conditions
from app.leads.attribution.models import SourceCategory
from app.leads.enums import TreatmentInterest
from app.leads.pipeline.consultations import COMPLETED, SCHEDULED
from app.leads.scoring.parts import Part

BASE: Final = 20
BASE_NAME: Final = "base"
_LEAD: Final = "lead."


@dataclass(frozen=True, slots=True)
class Weight:
    """Points for leads that meet all of the conditions. `words` is the reason that users read."""

    name: str
    words: str
    points: int
    when: Sequence[JsonObject]
    holds: Test = field(init=False, compare=False, repr=False)  # whether facts meet all of the conditions
    part: Part = field(init=False, compare=False, repr=False)  # of the scores of leads that meet them

    def __post_init__(self) -> None:
        object.__setattr__(self, "holds", all_of(self.when))
        object.__setattr__(self, "part", Part(self.name, self.words, float(self.points)))

    @classmethod
    def from_json(cls, stored: JsonObject) -> Self:
        """Read a weight as it is stored."""
        return cls(stored["name"], stored["words"], stored["points"], stored["when"])

    def to_json(self) -> JsonDict:
        """Return the weight as it is stored."""
        return {"name": self.name, "words": self.words, "points": self.points, "when": [*self.when]}


def weigh(base: int, weights: Sequence[Weight], facts: Facts) -> Iterator[Part]:
    """Yield the parts of a lead's score: the base, and each weight whose conditions hold."""
    yield Part(BASE_NAME, "Every lead starts with", float(base))
    for weight in weights:
        if weight.holds(facts):
            yield weight.part


def facts_asked(weights: Sequence[Weight]) -> frozenset[str]:
    """Return the names of the lead's facts that the conditions test, such as `replied_at`."""
    conditions = (one for weight in weights for group in weight.when for one in single_conditions_deep(group))
    return frozenset(condition["field"].removeprefix(_LEAD) for condition in conditions)


def single_conditions_deep(condition: JsonObject) -> Iterator[JsonObject]:
    """Yield the single conditions of a group, also of groups within it."""
    for one in single_conditions(condition):
        if "field" in one:
            yield one
        else:
            yield from single_conditions_deep(one)


def _weight(name: str, words: str, points: int, *when: Mapping[str, Any]) -> Weight:
    return Weight(name, words, points, when)


def _was_in(*stages: str) -> JsonDict:
    past = [{"field": "lead.past_stages", "contains": stage} for stage in stages]
    return {"any": [{"field": "lead.pipeline_stage", "in": [*stages]}, *past]}


_REFERRALS: Final = [SourceCategory.DOCTOR_REFERRAL.value, SourceCategory.PATIENT_REFERRAL.value]
_TREATMENTS: Final = (TreatmentInterest.BRACES_METAL, TreatmentInterest.BRACES_CLEAR, TreatmentInterest.INVISALIGN)
_QUIET: Final = {"greater_than": 14, "less_than": 30}

DEFAULT_WEIGHTS: Final = (
    _weight("referral", "Referred by a dentist or a patient", 15, {"field": "lead.source_category", "in": _REFERRALS}),
    _weight("walk_in", "Came to the practice", 10, {"field": "lead.capture_channel", "equals": "WALK_IN"}),
    _weight("phone", "Has a phone number", 5, {"field": "lead.has_phone", "equals": True}),
    _weight("email", "Has an e-mail address", 5, {"field": "lead.has_email", "equals": True}),
    _weight(
        "treatment",
        "Names the treatment that it wants",
        5,
        {"any": [{"field": "lead.treatment_interest", "contains": one.value} for one in _TREATMENTS]},
    ),
    _weight("value", "Its value is known", 5, {"field": "lead.value", "greater_than": 0}),
    _weight("replied", "Has written or called", 15, {"field": "lead.replied_at", "exists": True}),
    _weight("opened", "A person opened one of its messages", 5, {"field": "lead.has_opened", "equals": True}),
    _weight("spoken", "A user has been in contact with it", 10, {"field": "lead.contacted_at", "exists": True}),
    _weight(
        "fast_contact",
        "First contact within an hour",
        5,
        {"field": "lead.hours_to_first_contact", "less_than": 1},
    ),
    _weight("booked", "A consultation was booked", 15, _was_in(SCHEDULED, COMPLETED)),
    _weight("attended", "A consultation took place", 10, _was_in(COMPLETED)),
    _weight(
        "recent", "Active in the last 3 days", 5, {"field": "lead.last_activity_at", "days_since": {"less_than": 3}}
    ),
    _weight("quiet", "Quiet for 2 weeks", -10, {"field": "lead.last_activity_at", "days_since": _QUIET}),
    _weight("silent", "Quiet for 30 days", -20, {"field": "lead.last_activity_at", "days_since": 30}),
    _weight("unreachable", "No answer after 3 attempts", -15, {"field": "lead.failed_attempts", "greater_than": 2}),
    _weight("opted_out", "Opted out of messages", -25, {"field": "lead.opted_out_at", "exists": True}),
)
