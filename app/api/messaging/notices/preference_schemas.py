"""Request and response schemas for the notice preferences of a user."""

import re
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from marshmallow import ValidationError, fields

from app.automation.language.types.primitives import HOUR
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Choice, Integer, RegisteredName, Text
from app.http.schemas.schema import Schema
from app.messaging.channels.registry import CHANNELS
from app.messaging.user_preferences.kinds import Delivery, NoticeKind
from app.messaging.user_preferences.service import DEFAULT, FIXED, OWN

LONGEST_ZONE: Final = 64
AT_ONCE: Final = (Delivery.PLANNED, Delivery.ON, Delivery.OFF)


class LocalTime(Text):
    """A local time such as `07:30`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(5, least=5, **options)

    def _deserialize(self, value: object, *args: object, **more: object) -> str:
        text = super()._deserialize(value, *args, **more)
        if not re.fullmatch(HOUR, text, re.ASCII):
            raise ValidationError("Must be a local time such as 07:30.")
        return text


class TimeZone(Text):
    """An IANA time zone such as `Europe/Paris`."""

    def _deserialize(self, value: object, *args: object, **more: object) -> str:
        name = super()._deserialize(value, *args, **more)
        if name not in _zones():
            raise ValidationError("There is no such time zone.")
        return name


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


class Mandatory(fields.Field[JsonDict]):
    """A kind of notice that cannot be turned off."""

    def __init__(self) -> None:
        super().__init__(metadata={"type": "object", "description": "Cannot be changed."})

    def _deserialize(self, *_: object, **__: object) -> JsonDict:
        raise ValidationError("These notices are mandatory.")


def _value(*values: Delivery) -> Choice:
    return Choice(values, allow_none=True)


class NoticeChannels(Schema):
    """The values of a kind of notice by channel; null: the default."""

    in_app = _value(*AT_ONCE)
    email = _value(*Delivery)
    slack = _value(*AT_ONCE)
    teams = _value(*AT_ONCE)
    web_push = _value(*AT_ONCE)


class SummaryChannels(Schema):
    """The value of a summary, which is sent by e-mail; null: the default."""

    email = _value(Delivery.PLANNED, Delivery.OFF)


def _kind(channels: type[Schema] = NoticeChannels) -> fields.Nested:
    return fields.Nested(channels, allow_none=True)


class NoticesChange(Schema):
    """Changes by kind of notice; null: the defaults of the kind."""

    reminder = _kind()
    escalation = _kind()
    rule = _kind()
    lost_suggestion = _kind()
    assignment = _kind()
    reply = _kind()
    mention = _kind()
    no_next_action = _kind()
    system = _kind()
    daily_summary = _kind(SummaryChannels)
    weekly_summary = _kind(SummaryChannels)
    report = _kind(SummaryChannels)
    security = Mandatory()
    account = Mandatory()


class NoticePreferencesChange(Schema):
    """Changes to your notice preferences. What is left out stays unchanged; null restores a default."""

    digest_at = LocalTime(
        allow_none=True, metadata={"pattern": HOUR, "examples": ["07:30"], "description": "Local time of the digest."}
    )
    timezone = TimeZone(
        LONGEST_ZONE,
        allow_none=True,
        metadata={"examples": ["Europe/Paris"], "description": "Your zone; null: the clinic's."},
    )
    is_guide_closed = Boolean(metadata={"description": "Whether the console hides its first-run guide."})
    notices = fields.Nested(NoticesChange)


def _source(*values: str) -> fields.String:
    return fields.String(required=True, metadata={"enum": list(values), "description": "Where the value comes from."})


class NoticeChannelOut(Schema):
    """The value of a kind of notice on a channel."""

    channel = RegisteredName(CHANNELS.names_for_users, required=True)
    value = Choice(
        Delivery,
        required=True,
        metadata={
            "description": "`planned`: if the rule, or the notice itself, names the channel. `on`: always."
            " `off`: never. `digest`: in the daily digest."
        },
    )
    source = _source(OWN, DEFAULT, FIXED)


class NoticeOut(Schema):
    """A kind of notice with its channels."""

    kind = Choice(NoticeKind, required=True)
    description = fields.String(required=True)
    is_mandatory = Boolean(required=True)
    channels = fields.List(fields.Nested(NoticeChannelOut), required=True)


class PreferenceSourcesOut(Schema):
    """Where the values come from."""

    digest_at = _source(OWN, DEFAULT)
    timezone = _source(OWN, DEFAULT)


class NoticePreferencesOut(Schema):
    """Your notice preferences, with all defaults."""

    digest_at = fields.String(required=True, metadata={"description": "Local time of the daily digest."})
    timezone = fields.String(required=True, metadata={"description": "IANA name."})
    sources = fields.Nested(PreferenceSourcesOut, required=True)
    is_guide_closed = Boolean(required=True, metadata={"description": "Whether the console hides its first-run guide."})
    notices = fields.List(fields.Nested(NoticeOut), required=True)
    version = Integer(required=True)
