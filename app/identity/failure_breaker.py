"""When a rule or sequence goes so wrong that it is better paused until somebody has looked. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

HOURS_LOOKED_BACK: Final = 24


class Figures(NamedTuple):
    """What came of one rule's or sequence's steps of late."""

    done: int = 0  # steps that did what they should; messages are counted when they are sent
    sent: int = 0  # messages to leads
    failed: int = 0  # dead letters, and messages that nobody took
    bounced: int = 0
    opted_out: int = 0  # leads whose last message was one of these


@dataclass(frozen=True, slots=True)
class Breaker:
    """The greatest parts, from 0 to 1, that may go wrong; None: any. `min_messages`: of fewer nothing is concluded."""

    min_messages: int = 50
    failures: float | None = 0.2  # of all steps
    bounces: float | None = 0.05  # of the messages
    opt_outs: float | None = 0.03

    @classmethod
    def from_json(cls, kept: Mapping[str, Any] | None) -> Self | None:
        """Read what a clinic's row keeps; None: it wants none."""
        return None if kept is None else cls(**kept)

    def because(self, figures: Figures) -> str | None:
        """Why a rule with these figures is paused, in words; None: it is not."""
        return next(self._reasons(figures), None)

    def _reasons(self, figures: Figures) -> Iterator[str]:
        tries = figures.done + figures.sent + figures.failed
        for what, count, of, most in (
            (f"of {tries} steps failed", figures.failed, tries, self.failures),
            (f"of {figures.sent} messages bounced", figures.bounced, figures.sent, self.bounces),
            (f"leads opted out after {figures.sent} messages", figures.opted_out, figures.sent, self.opt_outs),
        ):
            if most is not None and of >= self.min_messages and count > most * of:
                yield f"{count} {what} within {HOURS_LOOKED_BACK} hours: {count / of:.1%}, and {most:.1%} is the most."
