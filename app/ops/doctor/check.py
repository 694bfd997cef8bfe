"""Result of one check, and the time that checks may take."""

from dataclasses import dataclass

TIMEOUT = 0.8  # seconds that a check waits for a server; checks of different servers run at the same time


@dataclass(frozen=True, slots=True)
class Check:
    """Result of a check. `advice` is the fix; it is empty if the check passed."""

    name: str
    found: str
    advice: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether the check passed."""
        return not self.advice
