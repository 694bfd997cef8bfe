"""`update_lead`: change the tags, score and custom fields of the lead."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from annotated_types import Len
from pydantic import Field, StringConstraints

from app.automation.handlers.support import changes
from app.automation.handlers.support.context import StepContext
from app.automation.language.base import Maybe
from app.automation.language.condition_values import PlainValue
from app.automation.language.docs.sentences import plain, value
from app.automation.language.known_names import KnownNames
from app.automation.language.params import Params
from app.automation.language.types.errors import Line
from app.automation.language.types.primitives import Says, Whole
from app.core.type_aliases import JsonObject
from app.core.validation.validation_errors import not_known
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.step_kind import SMALL_BATCH, Settings, StepKind
from app.leads.changes import AMENDABLE_FIELDS
from app.leads.fields import HIGHEST_SCORE, LONGEST_TAG, MOST_TAGS

Tags = Annotated[
    list[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TAG, strict=True)]],
    Len(0, MOST_TAGS),
    Says(f"must be a list of at most {MOST_TAGS} tags, each of 1 to {LONGEST_TAG} characters", of_parts=True),
]


class UpdateLead(Params):
    """Change the lead's tags, score and custom fields."""

    example: ClassVar[object] = {
        "add_tags": ["hot"],
        "remove_tags": ["cold"],
        "add_score": 10,
        "custom": {"visited": True},
    }

    add_tags: Maybe[Tags] = Field(default=None, description="Tags to add.", examples=[["hot"]])
    remove_tags: Maybe[Tags] = Field(default=None, description="Tags to remove.", examples=[["cold"]])
    score: Maybe[Annotated[int, Whole(0, HIGHEST_SCORE)]] = Field(
        default=None, description="The new score.", examples=[50]
    )
    add_score: Maybe[Annotated[int, Whole(-HIGHEST_SCORE, HIGHEST_SCORE)]] = Field(
        default=None, description="What to add to the score.", examples=[10]
    )
    custom: Maybe[Annotated[dict[str, PlainValue], Says("must map custom fields to their values")]] = Field(
        default=None, description="Values of custom fields, by key.", examples=[{"visited": True}]
    )

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake where nothing is changed."""
        if not given:
            yield Line((), "must change something: add_tags, remove_tags, score, add_score or custom")

    @classmethod
    def misfits(cls, given: JsonObject, known: KnownNames) -> Iterator[Line]:
        """Yield the fields that the clinic does not have."""
        custom = given.get("custom")
        if isinstance(custom, Mapping) and known.fields is not None:
            yield from (Line(("custom", key), not_known(key, known.fields)) for key in custom.keys() - known.fields)


def decide(context: StepContext) -> Outcome:
    """Change the fields that differ. A value that is already set triggers no rule."""
    amendment = {name: value for name, value in context.params.items() if name in AMENDABLE_FIELDS}
    return Done(amendment, effects=Effects(changes=(changes.UpdateLead(amendment),)))


def _sentence(change: Settings) -> str:
    said = [f"add the tag {tag}" for tag in change.get("add_tags", ())]
    said += [f"remove the tag {tag}" for tag in change.get("remove_tags", ())]
    said += [f"set the score to {change['score']}"] if "score" in change else []
    said += [f"add {change['add_score']} to the score"] if "add_score" in change else []
    said += [f"note {plain(key)}: {value(wanted)}" for key, wanted in change.get("custom", {}).items()]
    return " and ".join(said).capitalize()


KIND = StepKind(
    name="update_lead",
    decide=decide,
    params=UpdateLead,
    sequence_params=UpdateLead,
    batch=SMALL_BATCH,
    sentence=_sentence,
)
