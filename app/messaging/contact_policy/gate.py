"""Contact gate: decide whether a message may be sent to a lead now. Pure: facts in, decision out.

If a check refuses permanently, the step is skipped. If it refuses for now, the step is deferred to the first moment
that every check allows. Example: quiet hours that end on a holiday defer to the morning after the holiday.
`explain_gate` evaluates the same checks one by one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from app.engine.models import Reason
from app.messaging.contact_policy.checks import CHECKS, Check
from app.messaging.contact_policy.gate_input import ContactAttempt, ContactFacts

MAX_DEFERRAL: Final = timedelta(days=400)  # a year with its holidays; a contact refused until then is never allowed


@dataclass(frozen=True, slots=True)
class Allow:
    """The message may be sent now."""


@dataclass(frozen=True, slots=True)
class Never:
    """The message may never be sent."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Until:
    """The message may not be sent before `instant`, the first moment that all checks allow.

    `reason` is the check that by itself refuses the longest, of those that refuse now. `moves` are the moments between,
    each with the check that named it; the last one is `instant`.
    """

    instant: datetime
    reason: Reason
    moves: tuple[tuple[Reason, datetime], ...] = field(default=(), compare=False)


GateDecision: TypeAlias = Allow | Never | Until


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The decision of one check by itself, and the facts that it used.

    `applies` is False if the contact attempt skips the check.
    """

    check: Reason
    applies: bool
    decision: GateDecision
    facts: Mapping[str, object]


def evaluate_gate(attempt: ContactAttempt, facts: ContactFacts, now: datetime) -> GateDecision:
    """Decide whether the message may be sent now, not before some instant, or never."""
    return _decide(_checks_for(attempt), attempt, facts, now)


def explain_gate(attempt: ContactAttempt, facts: ContactFacts, now: datetime) -> Sequence[CheckResult]:
    """Return the result of every check, in the order of evaluation."""
    applicable = _checks_for(attempt)
    return [
        CheckResult(
            check.reason,
            check in applicable,
            _decide([check] if check in applicable else [], attempt, facts, now),
            check.explain(attempt, facts, now),
        )
        for check in CHECKS
    ]


def _checks_for(attempt: ContactAttempt) -> Sequence[Check]:
    """Return the checks that apply; transactional messages skip those that only choose a better moment."""
    return _TRANSACTIONAL_CHECKS if attempt.is_transactional else CHECKS


_TRANSACTIONAL_CHECKS: Final = tuple(check for check in CHECKS if not check.skipped_for_transactional)


def _decide(checks: Sequence[Check], attempt: ContactAttempt, facts: ContactFacts, now: datetime) -> GateDecision:
    moves = _moves(checks, attempt, facts, now)
    if not moves:
        return Allow()
    last_reason, instant = moves[-1]
    if instant - now > MAX_DEFERRAL:
        return Never(last_reason)
    return Until(instant, _longest(checks, attempt, facts, now), tuple(moves))


def _moves(
    checks: Iterable[Check], attempt: ContactAttempt, facts: ContactFacts, now: datetime
) -> list[tuple[Reason, datetime]]:
    """Move from each refused moment to the one that the check names, until no check refuses.

    Every moment in between is refused, so the last one is the first moment that all checks allow.
    """
    at, moves = now, list[tuple[Reason, datetime]]()
    while at - now <= MAX_DEFERRAL and (refusal := _first_refusal(checks, attempt, facts, at)):
        moves.append(refusal)
        at = refusal[1]
    return moves


def _longest(checks: Iterable[Check], attempt: ContactAttempt, facts: ContactFacts, now: datetime) -> Reason:
    """Return the check that by itself refuses the longest from now on; the first one of equals."""
    alone = [path for check in checks if (path := _moves([check], attempt, facts, now))]
    [reason, _] = max((path[-1] for path in alone), key=lambda last: last[1])
    return reason


def _first_refusal(
    checks: Iterable[Check], attempt: ContactAttempt, facts: ContactFacts, at: datetime
) -> tuple[Reason, datetime] | None:
    for check in checks:
        until = check.refuses(attempt, facts, at)
        if until is not None:
            return check.reason, until
    return None
