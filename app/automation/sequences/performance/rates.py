"""Bases of the rates of messages. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from app.core.db import AnyRow

# The base of each rate: only gateways report deliveries; opens and clicks are also known of tracked e-mails.
BASE_OF: Final[Mapping[str, str]] = {
    "delivered": "told_of",
    "opened": "reports_opens",
    "clicked": "reports_clicks",
    **dict.fromkeys(("replied", "converted"), "sent"),
}


def sum_of(rows: Iterable[AnyRow], name: str) -> int:
    """Return the sum of a column."""
    return sum(getattr(row, name) for row in rows)
