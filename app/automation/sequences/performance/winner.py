"""Automatic winner of an A/B test: publish a version without the other variants, once one is better than each of them.

Only steps with `winner` take part. The new version explains itself in its note. Enrolled leads keep their version.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.automation.sequences.definitions import SEQUENCES
from app.automation.sequences.performance.comparison import LEAST, check_ratio
from app.automation.sequences.performance.counts import ReportFilter, count_steps
from app.automation.sequences.performance.intervals import Share, shared_confidence
from app.automation.sequences.performance.rates import BASE_OF, sum_of
from app.automation.sequences.performance.sequential import always_valid_difference
from app.clock import now
from app.core.calendar.date_range import DateRange
from app.core.db import AnyRow
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import Kind
from app.engine.sequences.models import SequenceRow
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.clinics import load_context

log = structlog.get_logger()

NAME: Final = "choose_winners"
_HISTORY: Final = timedelta(days=366)
_AT_ONCE: Final = 200  # sequences
_TESTING: Final = text(
    "active AND published IS NOT NULL AND deleted_at IS NULL"
    " AND jsonb_path_exists(definition, '$.steps[*].send_message ? (exists (@.variants) && exists (@.winner))')"
)


class Winner(NamedTuple):
    """The variant that is better than all others, and the sentence that says why."""

    variant: str
    words: str


def choose_winners(session: Session) -> int:
    """Publish the winners of tests that are decided. Returns the number of changed sequences.

    Of more tests than fit into a batch, each run takes others, because undecided ones stay.
    """
    testing = select(SequenceRow.id, SequenceRow.clinic_id).where(_TESTING).order_by(func.random()).limit(_AT_ONCE)
    return sum(_decide(session, row.clinic_id, row.id) for row in session.execute(testing).all())


def _decide(session: Session, clinic_id: UUID, sequence_id: UUID) -> bool:
    actor = Actor.system(load_context(session, clinic_id))
    sequence = SEQUENCES.find(session, actor, sequence_id, lock=True)
    if SEQUENCES.draft(session, sequence) is not None:
        return False  # a user is changing the sequence: the winner must not publish unfinished texts
    at = now()
    report_filter = ReportFilter(sequence_id, DateRange(at - _HISTORY, at), sequence.published)
    rows = count_steps(session, actor, report_filter)
    steps: list[JsonDict] = (sequence.definition or {}).get("steps", [])
    winners = {step["name"]: _winner_of(step, rows) for step in steps}
    found = {name: winner for name, winner in winners.items() if winner}
    if not found:
        return False
    decided = [_with_winner(step, found.get(step["name"])) for step in steps]
    note = " ".join(f"Step {name}: {winner.words}" for name, winner in found.items())
    try:
        SEQUENCES.change(session, actor, sequence, {"steps": decided}, note=note)
    except Invalid:  # another part names what is gone, such as a template; the other sequences go on
        log.warning("winner.not_published", sequence_id=str(sequence_id), clinic_id=str(clinic_id))
        return False
    SEQUENCES.save(session, actor, sequence)
    return True


def _winner_of(step: JsonObject, rows: Sequence[AnyRow]) -> Winner | None:
    message = step.get(Kind.SEND_MESSAGE, {})
    if "variants" not in message or "winner" not in message:
        return None
    weights = {one["name"]: one.get("weight", 1) for one in message["variants"]}
    of_variant = {name: [row for row in rows if row.step == step["name"] and row.variant == name] for name in weights}
    if check_ratio({name: sum_of(found, "came") for name, found in of_variant.items()}, weights).is_alarm:
        return None
    measure = message["winner"]
    shares = {
        name: Share(sum_of(found, measure), sum_of(found, BASE_OF[measure])) for name, found in of_variant.items()
    }
    return find_winner(measure, shares)


def find_winner(measure: str, shares: Mapping[str, Share]) -> Winner | None:
    """Return the variant that is better than each other one, at 95 % confidence for all pairs and looks together."""
    if min(share.of for share in shares.values()) < LEAST:
        return None
    confidence = shared_confidence(len(shares) * (len(shares) - 1) // 2)
    best, share = max(shares.items(), key=lambda item: item[1].rate)
    others = {name: other for name, other in shares.items() if name != best}
    lows = [always_valid_difference(share, other, confidence=confidence).low for other in others.values()]
    if min(lows) <= 0:
        return None
    figures = ", ".join(f"{name} {other.rate:.1%} of {other.of}" for name, other in others.items())
    words = (
        f"{best} wins automatically: {measure} {share.rate:.1%} of {share.of} messages, against {figures};"
        f" better by at least {100 * min(lows):.1f} points (95 % confidence, always valid)."
    )
    return Winner(best, words)


def _with_winner(step: JsonObject, winner: Winner | None) -> JsonDict:
    """Return the step with the winner's template instead of the variants."""
    if winner is None:
        return dict(step)
    message: dict[str, Any] = dict(step[Kind.SEND_MESSAGE])
    [template] = [one["template"] for one in message.pop("variants") if one["name"] == winner.variant]
    del message["winner"]
    return {**step, Kind.SEND_MESSAGE: {**message, "template": template}}
