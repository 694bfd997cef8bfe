"""How a lead that was left alone is shown: on the lead itself, and on its card."""

from typing import Any

from marshmallow import fields

from app.clock import now
from app.http.schemas.fields import Choice, Instant
from app.http.schemas.schema import Schema
from app.leads.models import RottingReason
from app.leads.pipeline.rotting import ROTTEN, WORST, is_rotten, score_of


class _Score(fields.Field[int]):
    """Reckoned as of now, from the lead's dates."""

    _CHECK_ATTRIBUTE = False

    def _serialize(self, value: Any, attr: str | None, obj: Any, **more: Any) -> int | None:  # noqa: ARG002
        return score_of(obj, at=now())


class _IsRotting(fields.Field[bool]):
    """As of now."""

    _CHECK_ATTRIBUTE = False

    def _serialize(self, value: Any, attr: str | None, obj: Any, **more: Any) -> bool:  # noqa: ARG002
        return is_rotten(obj, at=now())


class RottingOut(Schema):
    """When an open lead rots, and how far it is on its way there."""

    rots_at = Instant(
        required=True,
        allow_none=True,
        metadata={
            "description": "When nobody will have spoken with them, or heard from them, for as long as the clinic"
            " allows; or when they will have been in the stage for as long as it allows, if that is sooner. Null once"
            " the lead is closed."
        },
    )
    rotting_reason = Choice(
        RottingReason, required=True, allow_none=True, metadata={"description": "Which of the two it is."}
    )
    rotting_score = _Score(
        required=True,
        allow_none=True,
        metadata={
            "type": "integer",
            "minimum": 0,
            "maximum": WORST,
            "description": f"{ROTTEN} * the time since then / the time allowed, at most {WORST}: {ROTTEN} at `rots_at`,"
            f" {WORST} after twice as long. Null once the lead is closed.",
        },
    )
    is_rotting = _IsRotting(required=True, metadata={"type": "boolean", "description": "Whether `rots_at` has passed."})
