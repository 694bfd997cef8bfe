"""Sequence performance report: leads enrolled in a period, in total, by step and by variant."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.sequences.definitions import find_sequence
from app.automation.sequences.enrollments.advance import StepOutcome
from app.automation.sequences.models import EnrollmentState
from app.automation.sequences.performance.comparison import WORTH, check_ratio, compare
from app.automation.sequences.performance.counts import MESSAGES, ReportFilter, count_enrollments, count_steps
from app.automation.sequences.performance.intervals import Share, wilson
from app.automation.sequences.performance.rates import BASE_OF, sum_of
from app.core.calendar.date_range import DateRange
from app.core.db import AnyRow
from app.core.type_aliases import JsonDict
from app.engine.sequences.definitions import sequence_versions
from app.engine.sequences.sequence import Sequence as SequenceText
from app.engine.sequences.sequence import SequenceStep
from app.errors import NotFound
from app.identity.actor import Actor

Rows = Sequence[AnyRow]

COMPARED: Final = ("replied", "converted", "opened", "clicked")


def performance(
    session: Session,
    actor: Actor,
    sequence_id: UUID,
    period: DateRange,
    *,
    version: int | None,
    worth: float = WORTH,
) -> JsonDict:
    """Return the report, as PerformanceOut. `worth`: the smallest difference of variants that is worth it, 0 to 1.

    Raises NotFound if the sequence or the version does not exist.
    """
    sequence = find_sequence(session, actor, sequence_id)
    text = _text(session, sequence_id, version or sequence.published)
    if version and not text:
        raise NotFound
    report_filter = ReportFilter(sequence_id, period, version)
    enrollments, steps = count_enrollments(session, actor, report_filter), count_steps(session, actor, report_filter)
    return {
        **period._asdict(),
        "version": version,
        **_totals(enrollments),
        "messages": _messages(steps),
        "steps": [_step(name, text, steps, enrollments, worth=worth) for name in _names(text, steps)],
    }


def _text(session: Session, sequence_id: UUID, version: int | None) -> SequenceText | None:
    """Return the version's text; None if it does not exist, or if nothing is published yet."""
    return sequence_versions(session, {(sequence_id, version)}).get((sequence_id, version)) if version else None


def _totals(enrollments: Rows) -> JsonDict:
    enrolled = sum_of(enrollments, "enrolled")
    states = {str(one): sum_of((row for row in enrollments if row.state == one), "enrolled") for one in EnrollmentState}
    shares = {name: Share(sum_of(enrollments, name), enrolled) for name in ("replied", "converted")}
    return {
        "enrolled": enrolled,
        **states,
        **{name: _rate(share) for name, share in shares.items()},
        "exit_reasons": _exits(enrollments),
    }


def _exits(enrollments: Iterable[AnyRow]) -> list[JsonDict]:
    return _reasons((row.reason, row.enrolled) for row in enrollments if row.state == EnrollmentState.EXITED)


def _names(text: SequenceText | None, steps: Rows) -> list[str]:
    """Return the step names in the order of the text, followed by those of other versions."""
    written = [step.name for step in text.steps] if text else []
    return list(dict.fromkeys((*written, *sorted(row.step for row in steps))))


def _step(name: str, text: SequenceText | None, steps: Rows, enrollments: Rows, *, worth: float) -> JsonDict:
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
        "comparisons": _comparisons(variants, worth),
        "sample_ratio": _sample_ratio(written, [row for row in mine if text and row.sequence_version == text.version]),
    }


def _variants(order: Sequence[str], rows: Rows) -> list[str]:
    return list(dict.fromkeys((*order, *sorted(row.variant for row in rows if row.variant))))


def _figures(rows: Rows) -> JsonDict:
    """Return the figures of a step, as StepFiguresOut."""
    by_outcome = {str(one): sum_of((row for row in rows if row.outcome == one), "came") for one in StepOutcome}
    skips = _reasons((row.reason, row.came) for row in rows if row.outcome == StepOutcome.SKIPPED)
    return {"came": sum_of(rows, "came"), **by_outcome, "skip_reasons": skips, "messages": _messages(rows)}


def _messages(rows: Rows) -> JsonDict:
    counts = {name: sum_of(rows, name) for name in MESSAGES}
    rates = {name: _rate(Share(counts[name], counts[of])) for name, of in BASE_OF.items()}
    return {**{name: counts[name] for name in ("sent", "failed", "machine_opened", "machine_clicked")}, **rates}


def _sample_ratio(written: SequenceStep | None, rows: Rows) -> JsonDict | None:
    """Compare the leads by variant with the weights of the text. `rows`: of its version, because weights may change."""
    weights = {one.name: one.weight for one in written.variants} if written else {}
    if len(weights) < 2:  # noqa: PLR2004
        return None
    counts = {name: sum_of((row for row in rows if row.variant == name), "came") for name in weights}
    return asdict(check_ratio(counts, weights))


def _comparisons(variants: Mapping[str, Rows], worth: float) -> list[JsonDict]:
    if len(variants) < 2:  # noqa: PLR2004  (one variant has nothing to compare with)
        return []
    found = [
        compare(measure, {name: _share(rows, measure) for name, rows in variants.items()}, worth=worth)
        for measure in COMPARED
    ]
    return [asdict(one) for comparisons in found for one in comparisons]


def _share(rows: Rows, measure: str) -> Share:
    return Share(sum_of(rows, measure), sum_of(rows, BASE_OF[measure]))


def _rate(share: Share) -> JsonDict:
    """Return a rate, as RateOut. The rate of zero items is None."""
    if not share.of:
        return {**asdict(share), "rate": None, "low": None, "high": None}
    return {**asdict(share), "rate": share.rate, **wilson(share)._asdict()}


def _reasons(counted: Iterable[tuple[str, int]]) -> list[JsonDict]:
    """Sum the counts by reason, the most frequent first."""
    total: Counter[str] = Counter()
    for reason, count in counted:
        total[reason] += count
    return [{"reason": reason, "count": count} for reason, count in total.most_common()]
