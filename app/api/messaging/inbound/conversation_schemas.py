"""Request and response schemas for the list of conversations."""

from marshmallow import fields

from app.http.schemas.common_fields import UserIdOrMe
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.http.schemas.search_text import SearchText
from app.leads.enums import LeadStatus
from app.leads.timeline.models import Direction
from app.messaging.inbound.conversation.listing import LONGEST_EXCERPT


class ConversationQuery(PageQuery):
    """Filters of conversations; all must hold."""

    is_answered = Boolean(metadata={"description": "Whether a person has answered since the lead last wrote."})
    is_done = Boolean(metadata={"description": "Whether a user has marked it as done since the lead last wrote."})
    assigned_to_id = UserIdOrMe()
    status = Choice(LeadStatus)
    stage = Text(100, least=1, metadata={"description": "A stage's slug."})
    q = SearchText()


class LastMessageOut(Schema):
    """The last message to or from a lead."""

    id = Id(required=True)
    direction = Choice(Direction, required=True)
    channel = fields.String(required=True)
    at = Instant(required=True)
    state = fields.String(required=True)
    subject = fields.String(required=True, allow_none=True)
    text = fields.String(
        required=True, metadata={"description": f"The first {LONGEST_EXCERPT} characters of the message."}
    )


class ConversationOut(Schema):
    """A lead that wrote or called, and the last message."""

    id = Id(required=True, metadata={"description": "Of the lead."})
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    status = Choice(LeadStatus, required=True)
    stage = fields.String(required=True, attribute="pipeline_stage", metadata={"description": "A stage's slug."})
    assigned_to_id = Id(required=True, allow_none=True)
    opted_out_at = Instant(required=True, allow_none=True)
    replied_at = Instant(required=True, metadata={"description": "When the lead last wrote or called."})
    is_answered = Boolean(
        required=True, metadata={"description": "A person has written to or called the lead since then."}
    )
    is_done = Boolean(
        required=True, metadata={"description": "A user has marked it as done. The next message opens it again."}
    )
    last_message = fields.Nested(
        LastMessageOut, required=True, allow_none=True, metadata={"description": "Null: the lead only called."}
    )


class ConversationDoneIn(Schema):
    """The state of the conversation that the user has seen."""

    replied_at = Instant(
        metadata={"description": "`replied_at` of the conversation as shown. If the lead wrote later: 409."}
    )


class ConversationStateOut(Schema):
    """Whether a conversation is done."""

    id = Id(required=True, metadata={"description": "Of the lead."})
    replied_at = Instant(required=True, metadata={"description": "When the lead last wrote or called."})
    is_done = Boolean(required=True)
