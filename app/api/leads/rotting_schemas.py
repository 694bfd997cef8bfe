"""Response fields of rotting leads, shared by leads and board cards."""

from marshmallow import fields

from app.clock import now
from app.http.schemas.fields import Choice, Instant
from app.http.schemas.schema import Schema
from app.leads.enums import RottingReason
from app.leads.pipeline.rotting import ROTTEN, WORST, is_rotten, rotting_score


class _Score(fields.Field[int]):
    """Rotting score, computed on response."""

    _CHECK_ATTRIBUTE = False

    def _serialize(self, value: object, attr: str | None, obj: object, **more: object) -> int | None:  # noqa: ARG002
        return rotting_score(obj, at=now())


class _IsRotting(fields.Field[bool]):
    """Whether the lead is rotting, computed on response."""

    _CHECK_ATTRIBUTE = False

    def _serialize(self, value: object, attr: str | None, obj: object, **more: object) -> bool:  # noqa: ARG002
        return is_rotten(obj, at=now())


class RottingOut(Schema):
    """Rotting date and score of an open lead."""

    rots_at = Instant(
        required=True,
        allow_none=True,
        metadata={
            "description": "Time at which the lead starts rotting: no contact for the clinic's limit, or in its stage"
            " for the stage's limit, whichever is earlier. Null for closed leads."
        },
    )
    rotting_reason = Choice(
        RottingReason, required=True, allow_none=True, metadata={"description": "The limit that decides."}
    )
    rotting_score = _Score(
        required=True,
        allow_none=True,
        metadata={
            "type": "integer",
            "minimum": 0,
            "maximum": WORST,
            "description": f"{ROTTEN} * elapsed time / allowed time, at most {WORST}: {ROTTEN} at `rots_at`,"
            f" {WORST} after twice the allowed time. Null for closed leads.",
        },
    )
    is_rotting = _IsRotting(required=True, metadata={"type": "boolean", "description": "Whether `rots_at` has passed."})
