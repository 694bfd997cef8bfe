"""Request and response schemas for saved views of the work queue."""

from marshmallow import fields

from app.api.tasks.queue_schemas import QueueFilters
from app.http.schemas import words
from app.http.schemas.fields import Boolean, Id, Instant, Integer, Text
from app.http.schemas.saved_filters import SavedFilters
from app.http.schemas.schema import Aliases, Schema


class ViewIn(Aliases, Schema):
    """A complete view. Missing fields get their default."""

    aliases = words.FILTERS

    name = Text(100, least=1, required=True)
    filters = SavedFilters(QueueFilters, "/api/followups", {"status": "PENDING,OVERDUE", "assigned_to_id": "me"})
    shared = Boolean(load_default=False, metadata={"description": "Share with all users of the clinic."})


class ViewOut(Schema):
    """A saved view."""

    id = Id(required=True)
    name = fields.String(required=True)
    filters = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    shared = Boolean(required=True)
    user_id = Id(required=True, metadata={"description": "Owner of the view."})
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)
