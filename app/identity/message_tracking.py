"""Tracking settings of a clinic: whether opens and clicks of its e-mails to leads are counted."""

from dataclasses import asdict, dataclass
from typing import Self

from app.core.type_aliases import JsonDict, JsonObject


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """Both are off by default: to count them is a decision about personal data, which the clinic makes itself."""

    opens: bool = False  # e-mails contain an image that reports when it is loaded
    clicks: bool = False  # links in e-mails lead over this server

    @classmethod
    def from_json(cls, stored: JsonObject) -> Self:
        """Read the JSON of a clinic's row; missing keys get the default."""
        return cls(**stored)

    def to_json(self) -> JsonDict:
        """Return the JSON for a clinic's row."""
        return asdict(self)

    @property
    def is_on(self) -> bool:
        """Whether any of them is counted."""
        return self.opens or self.clicks
