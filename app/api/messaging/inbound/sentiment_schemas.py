"""Request and response schemas of the sentiment setting."""

from app.http.schemas.fields import Boolean, Integer
from app.http.schemas.schema import Schema


class SentimentIn(Schema):
    """Whether messages from leads get a label."""

    is_on = Boolean(
        load_default=False,
        metadata={"description": "Messages in English that arrive from leads get a label by the words in them."},
    )


class SentimentOut(Schema):
    """Whether messages from leads get a label."""

    is_on = Boolean(required=True)
    version = Integer(required=True)
