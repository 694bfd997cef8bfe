"""Request and response schemas of scores."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.automation.language.conditions import DueConditions
from app.automation.language.validation import mistakes_in
from app.core.validation.validation_errors import Mistake, parts_of
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.model_fields import ModelField
from app.http.schemas.schema import Schema
from app.leads.fields import HIGHEST_SCORE
from app.leads.scoring.models import ScoreModel
from app.leads.scoring.parts import RESERVED
from app.leads.scoring.weights import BASE, DEFAULT_WEIGHTS, Weight, facts_asked

MOST_WEIGHTS: Final = 50
LONGEST_WORDS: Final = 200
_ENCRYPTED: Final = {"email": "lead.has_email", "phone": "lead.has_phone"}
_NAME: Final = ("^[a-z][a-z0-9_]{0,49}$", "Must be a name such as replied_twice.")


class LeadConditions(ModelField):
    """Conditions as in rules, of fields of the lead only."""

    def __init__(self, **options: Any) -> None:
        super().__init__(DueConditions, required=True, allow_none=False, **options)

    def _validate_missing(self, value: object) -> None:
        fields.Field._validate_missing(self, value)  # noqa: SLF001

    def _deserialize(self, value: Any, *_: object, **__: object) -> Any:
        if not isinstance(value, list) or not value:
            raise ValidationError("Must be a list of conditions.")
        mistakes = mistakes_in(DueConditions, value) or [*_not_of_leads(value)]
        if mistakes:
            raise ValidationError(_nested(mistakes))
        return value


def _not_of_leads(conditions: list[Any]) -> Any:
    """Yield a mistake for each condition of another field than those of leads, and for encrypted ones."""
    for place, condition in enumerate(conditions):
        asked = facts_asked([Weight("", "", 0, [condition])])
        if wrong := sorted(
            name for name in asked if name.partition(".")[0] in {"task", "event", "since", "enrollment"}
        ):
            yield Mistake(f"[{place}]", f"must be of the lead, not {wrong[0]}")
        for name in sorted(asked & _ENCRYPTED.keys()):
            yield Mistake(f"[{place}]", f"must be {_ENCRYPTED[name]}, because lead.{name} is encrypted")


def _nested(mistakes: list[Mistake]) -> dict[Any, Any]:
    """Return the mistakes as marshmallow nests them: by index and key. If a whole is wrong, its parts are left out."""
    found: dict[Any, Any] = {}
    for mistake in mistakes:
        here: Any = found
        *way, last = parts_of(mistake.place) or (0,)
        for part in way:
            here = here.setdefault(part, {}) if isinstance(here, dict) else here
        if isinstance(here, dict):
            here.setdefault(last, [mistake.problem])
    return found


class WeightIn(Schema):
    """Points for leads that meet all conditions."""

    name = Text(50, least=1, required=True, form=_NAME, metadata={"examples": ["replied"]})
    words = Text(
        LONGEST_WORDS,
        least=1,
        required=True,
        metadata={"description": "The reason that users read.", "examples": ["Has written or called"]},
    )
    points = Integer(least=-HIGHEST_SCORE, most=HIGHEST_SCORE, required=True)
    when = LeadConditions(
        metadata={
            "description": "Conditions as in rules, of the lead's fields; all must hold.",
            "examples": [[{"field": "lead.replied_at", "exists": True}]],
        }
    )


class WeightsIn(Schema):
    """A table of weights."""

    base = Integer(most=HIGHEST_SCORE, load_default=BASE, metadata={"description": "Points of every lead."})
    weights = ListOf(
        fields.Nested(WeightIn),
        most=MOST_WEIGHTS,
        load_default=lambda: [weight.to_json() for weight in DEFAULT_WEIGHTS],
        metadata={"description": "If left out: the default table."},
    )

    @validates_schema
    def _require_unique_names(self, data: Any, **_: object) -> None:
        seen: set[str] = set()
        for place, weight in enumerate(data.get("weights", ())):
            if weight["name"] in seen:
                raise ValidationError({"weights": {place: {"name": ["Another weight has this name."]}}})
            if weight["name"] in RESERVED:
                raise ValidationError({"weights": {place: {"name": ["A part of every score has this name."]}}})
            seen.add(weight["name"])


class ScoreSettingsIn(WeightsIn):
    """The score settings of a clinic. A field that is left out gets its default."""

    model = Choice(
        ScoreModel,
        load_default=ScoreModel.RULES,
        metadata={
            "description": "`learned`: weights learned from closed leads. Until there are enough, the table applies."
        },
    )


class ScorePreviewIn(WeightsIn):
    """A table of weights to try, and the lead to score."""

    lead_id = Id(required=True)


class PartOut(Schema):
    """One part of a score."""

    name = fields.String(required=True, metadata={"examples": ["replied"]})
    words = fields.String(required=True, metadata={"examples": ["Has written or called"]})
    points = fields.Float(required=True)


class QualityOut(Schema):
    """How well the learned model predicts. It is measured on the latest closed leads, which it did not see."""

    is_ready = Boolean(required=True)
    words = fields.String(required=True, metadata={"examples": ["not enough history: 57 of 200 closed leads"]})
    closed_leads = Integer(required=True)
    conversions = Integer(required=True)
    tested_leads = Integer(required=True)
    auc = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Share of pairs in which the lead that converted had the higher score; 0.5 is chance."
        },
    )
    calibration_error = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Average difference between predicted and actual conversion, in ten groups."},
    )
    trained_at = Instant(required=True, allow_none=True)


class ComputedScoreOut(Schema):
    """A score with its parts."""

    score = Integer(required=True, metadata={"description": "`value` as a whole number."})
    value = fields.Float(required=True, metadata={"description": "The sum of the parts, from 0 to 100."})
    model = Choice(ScoreModel, required=True, metadata={"description": "The model that computed it."})
    parts = fields.List(fields.Nested(PartOut), required=True)


class LeadScoreOut(ComputedScoreOut):
    """The score of a lead."""

    since = Instant(required=True, metadata={"description": "Since when the lead has this score."})
    quality = fields.Nested(QualityOut, required=True)


class ScoreChangeOut(Schema):
    """One change of a score."""

    id = Id(required=True)
    occurred_at = Instant(required=True)
    score = Integer(required=True)
    previous_score = Integer(required=True, allow_none=True)
    model = Choice(ScoreModel, required=True)
    parts = fields.List(fields.Nested(PartOut), required=True)


class WeightOut(Schema):
    """Points for leads that meet all conditions."""

    name = fields.String(required=True)
    words = fields.String(required=True)
    points = fields.Integer(required=True)
    when = fields.List(fields.Dict(), required=True)


class ScoreSettingsOut(Schema):
    """The score settings of a clinic, and how good its learned model is."""

    model = Choice(ScoreModel, required=True)
    base = Integer(required=True)
    weights = fields.List(fields.Nested(WeightOut), required=True)
    quality = fields.Nested(QualityOut, required=True)
    version = Integer(required=True)
