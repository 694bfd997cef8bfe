"""Whether a message may go to a lead now: one function for all of them. Pure: what is known in, a verdict out.

A check says no for good, and the step is skipped; or not now, and it is put off to the first moment that every check
allows: where a quiet night ends on a holiday, to the morning after that. `explain` asks the same checks one by one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from app.engine.models import Reason
from app.messaging.contact_policy.checks import CHECKS, Check
from app.messaging.contact_policy.facts import Known, Touch

LONGEST_WAIT: Final = timedelta(days=400)  # a year and its holidays: what is not allowed by then never is


@dataclass(frozen=True, slots=True)
class Allow:
    """It may go now."""


@dataclass(frozen=True, slots=True)
class Never:
    """It may not go, for good."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Until:
    """It may not go before `instant`, the first moment that all checks allow; `reason` is why not now."""

    instant: datetime
    reason: Reason


Verdict: TypeAlias = Allow | Never | Until


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says by itself, and what it looked at; `asked` is false where it does not matter to the touch."""

    check: Reason
    asked: bool
    verdict: Verdict
    looked_at: Mapping[str, Any]


def judge(touch: Touch, known: Known, now: datetime) -> Verdict:
    """Whether the touch may go now, not before some instant, or not at all."""
    return _judge(_asked_of(touch), touch, known, now)


def explain(touch: Touch, known: Known, now: datetime) -> Sequence[Finding]:
    """Every check in the order they are asked, with its own verdict and what it looked at."""
    asked = _asked_of(touch)
    return [
        Finding(
            check.reason,
            check in asked,
            _judge([check] if check in asked else [], touch, known, now),
            check.looks_at(touch, known, now),
        )
        for check in CHECKS
    ]


def _asked_of(touch: Touch) -> Sequence[Check]:
    """What somebody waits for passes the checks that only choose a better moment."""
    return _OF_AWAITED if touch.is_transactional else CHECKS


_OF_AWAITED: Final = tuple(check for check in CHECKS if not check.spares_awaited)


def _judge(checks: Sequence[Check], touch: Touch, known: Known, now: datetime) -> Verdict:
    """From each moment that a check refuses on to the one it names, until none refuses.

    Nothing in between is allowed, so where this ends is the first moment that all of them allow.
    """
    at, because = now, None
    while refusal := _first_refusal(checks, touch, known, at):
        reason, at = refusal
        because = because or reason
        if at - now > LONGEST_WAIT:
            return Never(reason)
    return Until(at, because) if because else Allow()


def _first_refusal(checks: Iterable[Check], touch: Touch, known: Known, at: datetime) -> tuple[Reason, datetime] | None:
    for check in checks:
        until = check.refuses(touch, known, at)
        if until is not None:
            return check.reason, until
    return None
