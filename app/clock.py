"""The only reader of the clock, so that the code that runs a plan can also simulate it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)
