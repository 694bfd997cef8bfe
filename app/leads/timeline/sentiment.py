"""Labels of messages from leads."""

from enum import StrEnum


class Sentiment(StrEnum):
    """The sentiment of a message, by the words in it."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"
    URGENT = "urgent"
