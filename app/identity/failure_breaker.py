"""Circuit breaker: pause a rule or sequence when too many of its steps or messages fail. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from app.core.type_aliases import JsonObject

WINDOW_HOURS: Final = 24


class StepCounts(NamedTuple):
    """Recent step results of one rule or sequence."""

    done: int = 0  # successful steps other than messages
    sent: int = 0  # messages to leads
    failed: int = 0  # dead letters, and messages that could not be delivered
    bounced: int = 0
    opted_out: int = 0  # leads who opted out after one of these messages


@dataclass(frozen=True, slots=True)
class Breaker:
    """Highest acceptable failure rates from 0 to 1; None: no limit. Below `min_messages` the breaker never trips."""

    min_messages: int = 50
    failures: float | None = 0.2  # of all steps
    bounces: float | None = 0.05  # of the messages
    opt_outs: float | None = 0.03

    @classmethod
    def from_json(cls, stored: JsonObject | None) -> Self | None:
        """Read the JSON of a clinic's row; None: no breaker."""
        return None if stored is None else cls(**stored)

    def because(self, figures: StepCounts) -> str | None:
        """Return the reason to pause a rule with these counts, as text; None: do not pause."""
        return next(self._reasons(figures), None)

    def _reasons(self, figures: StepCounts) -> Iterator[str]:
        tries = figures.done + figures.sent + figures.failed
        for what, count, total, limit in (
            (f"of {tries} steps failed", figures.failed, tries, self.failures),
            (f"of {figures.sent} messages bounced", figures.bounced, figures.sent, self.bounces),
            (f"leads opted out after {figures.sent} messages", figures.opted_out, figures.sent, self.opt_outs),
        ):
            if limit is not None and total >= self.min_messages and count > limit * total:
                yield f"{count} {what} within {WINDOW_HOURS} hours: {count / total:.1%} (limit {limit:.1%})."
