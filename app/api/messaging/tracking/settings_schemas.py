"""Request and response schemas for tracking settings."""

from typing import Final

from app.http.schemas.fields import Boolean, Integer
from app.http.schemas.schema import Schema
from app.identity.message_tracking import TrackingSettings

_DEFAULTS: Final = TrackingSettings()


class TrackingIn(Schema):
    """Whether opens and clicks of e-mails to leads are counted. A field that is left out is off."""

    opens = Boolean(
        load_default=_DEFAULTS.opens,
        metadata={"description": "E-mails to leads contain an invisible image that reports when it is loaded."},
    )
    clicks = Boolean(
        load_default=_DEFAULTS.clicks,
        metadata={"description": "Links in e-mails to leads lead over this server, which redirects to the target."},
    )


class TrackingOut(Schema):
    """Whether opens and clicks of e-mails to leads are counted."""

    opens = Boolean(required=True)
    clicks = Boolean(required=True)
    version = Integer(required=True)
