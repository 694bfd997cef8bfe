"""How a sequence did: of the leads that began it within a time, in all, by step and by variant."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.advance import StepOutcome
from app.automation.sequences.models import EnrollmentState
from app.automation.sequences.performance.comparison import compare
from app.automation.sequences.performance.counts import MESSAGES, Asked, count_enrollments, count_steps
from app.automation.sequences.performance.intervals import Share, wilson
from app.automation.sequences.service import find_sequence
from app.core.date_range import DateRange
from app.engine.sequences.definitions import sequence_versions
from app.engine.sequences.sequence import Sequence as SequenceText
from app.errors import NotFound
from app.identity.actor import Actor

Rows = Sequence[Row[Any]]

# Each of how many: only gateways tell what was delivered, opened and clicked.
_OF: Final[Mapping[str, str]] = {
    **dict.fromkeys(("delivered", "opened", "clicked"), "told_of"),
    **dict.fromkeys(("replied", "converted"), "sent"),
}
COMPARED: Final = ("replied", "converted", "opened", "clicked")


def performance(
    session: Session, actor: Actor, sequence_id: UUID, period: DateRange, *, version: int | None
) -> dict[str, Any]:
    """What `PerformanceOut` shows. Raises NotFound, also for a version that is not there."""
    sequence = find_sequence(session, actor, sequence_id)
    text = _text(session, sequence_id, version or sequence.published)
    if version and not text:
        raise NotFound
    asked = Asked(sequence_id, period, version)
    enrollments, steps = count_enrollments(session, actor, asked), count_steps(session, actor, asked)
    return {
        **period._asdict(),
        "version": version,
        **_in_all(enrollments),
        "messages": _messages(steps),
        "steps": [_step(name, text, steps, enrollments) for name in _names(text, steps)],
    }


def _text(session: Session, sequence_id: UUID, version: int | None) -> SequenceText | None:
    """The version's text; None: there is none, or nothing was published so far."""
    return sequence_versions(session, {(sequence_id, version)}).get((sequence_id, version)) if version else None


def _in_all(enrollments: Rows) -> dict[str, Any]:
    enrolled = _sum(enrollments, "enrolled")
    states = {str(one): _sum((row for row in enrollments if row.state == one), "enrolled") for one in EnrollmentState}
    shares = {name: Share(_sum(enrollments, name), enrolled) for name in ("replied", "converted")}
    return {
        "enrolled": enrolled,
        **states,
        **{name: _rate(share) for name, share in shares.items()},
        "exit_reasons": _exits(enrollments),
    }


def _exits(enrollments: Iterable[Row[Any]]) -> list[dict[str, Any]]:
    return _reasons((row.reason, row.enrolled) for row in enrollments if row.state == EnrollmentState.EXITED)


def _names(text: SequenceText | None, steps: Rows) -> list[str]:
    """As they are written; then those of other versions."""
    written = [step.name for step in text.steps] if text else []
    return list(dict.fromkeys((*written, *sorted(row.step for row in steps))))


def _step(name: str, text: SequenceText | None, steps: Rows, enrollments: Rows) -> dict[str, Any]:
    mine = [row for row in steps if row.step == name]
    written = next((step for step in text.steps if step.name == name), None) if text else None
    order = [variant.name for variant in written.variants] if written else []
    variants = {one: [row for row in mine if row.variant == one] for one in _variants(order, mine)}
    return {
        "step": name,
        "kind": written.kind if written else mine[0].kind,
        "is_in_text": written is not None,
        **_figures(mine),
        "exit_reasons": _exits(row for row in enrollments if row.step == name),
        "variants": [{"variant": one, **_figures(rows)} for one, rows in variants.items()],
        "comparisons": _comparisons(variants),
    }


def _variants(order: Sequence[str], rows: Rows) -> list[str]:
    return list(dict.fromkeys((*order, *sorted(row.variant for row in rows if row.variant))))


def _figures(rows: Rows) -> dict[str, Any]:
    """What `StepFiguresOut` shows."""
    by_outcome = {str(one): _sum((row for row in rows if row.outcome == one), "came") for one in StepOutcome}
    skips = _reasons((row.reason, row.came) for row in rows if row.outcome == StepOutcome.SKIPPED)
    return {"came": _sum(rows, "came"), **by_outcome, "skip_reasons": skips, "messages": _messages(rows)}


def _messages(rows: Rows) -> dict[str, Any]:
    counts = {name: _sum(rows, name) for name in MESSAGES}
    rates = {name: _rate(Share(counts[name], counts[of])) for name, of in _OF.items()}
    return {"sent": counts["sent"], "failed": counts["failed"], **rates}


def _comparisons(variants: Mapping[str, Rows]) -> list[dict[str, Any]]:
    if len(variants) < 2:  # noqa: PLR2004  (one alone is beside nothing)
        return []
    found = [compare(measure, {name: _share(rows, measure) for name, rows in variants.items()}) for measure in COMPARED]
    return [asdict(one) for comparisons in found for one in comparisons]


def _share(rows: Rows, measure: str) -> Share:
    return Share(_sum(rows, measure), _sum(rows, _OF[measure]))


def _rate(share: Share) -> dict[str, Any]:
    """What `RateOut` shows; of nothing there is no share."""
    if not share.of:
        return {**asdict(share), "rate": None, "low": None, "high": None}
    return {**asdict(share), "rate": share.rate, **wilson(share)._asdict()}


def _reasons(counted: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """The most frequent first."""
    total: Counter[str] = Counter()
    for reason, count in counted:
        total[reason] += count
    return [{"reason": reason, "count": count} for reason, count in total.most_common()]


def _sum(rows: Iterable[Row[Any]], name: str) -> int:
    return sum(getattr(row, name) for row in rows)
