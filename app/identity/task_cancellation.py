"""Settings of a clinic for cancelling tasks: whether users give a reason, and which reasons they choose from."""

from dataclasses import asdict, dataclass
from typing import Final, Self

from app.core.type_aliases import JsonDict, JsonObject

REASONS: Final = ("The lead asked for it", "Already done", "No longer needed", "Created twice")


@dataclass(frozen=True, slots=True)
class TaskCancellation:
    """Reasons for cancelling a task by hand. Rules and the end of a lead give reasons of their own."""

    is_required: bool = False
    reasons: tuple[str, ...] = REASONS  # to choose from
    only_listed: bool = False  # whether a reason must be one of them

    @classmethod
    def from_json(cls, stored: JsonObject) -> Self:
        """Read the JSON of a clinic's row; missing keys get the default."""
        return cls(**{**stored, "reasons": tuple(stored.get("reasons", REASONS))})

    def to_json(self) -> JsonDict:
        """Return the JSON for a clinic's row."""
        return {**asdict(self), "reasons": list(self.reasons)}

    def mistake(self, reason: str | None) -> str | None:
        """Return why this reason is not accepted; None if it is."""
        listed = f" Must be one of {', '.join(self.reasons)}." if self.only_listed else ""
        if not reason:
            return f"The clinic requires a reason for cancelling a task.{listed}" if self.is_required else None
        return listed.strip() if self.only_listed and reason not in self.reasons else None
