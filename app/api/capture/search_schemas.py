"""Request and response schemas of the search of everything."""

from marshmallow import fields

from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf
from app.http.schemas.schema import Schema
from app.http.schemas.search_text import SearchText
from app.leads.search.by_text.query import Why
from app.leads.timeline.models import Direction
from app.tasks.search_everything import MOST_HITS, HitKind


class SearchIn(Schema):
    """Words to search for."""

    q = SearchText(
        "All words must be found: parts of names, of an e-mail address or of an external id, a phone number in any"
        " format or four of its digits, words in notes, subjects of messages, titles and"
        " descriptions. Accents and capitals do not matter."
        " One or two letters must begin a name.",
        required=True,
    )
    kinds = ListOf(
        Choice(HitKind), least=1, most=len(HitKind), metadata={"description": "What to search. Default: everything."}
    )
    limit = Integer(least=1, most=MOST_HITS, load_default=10, metadata={"description": "Most hits of each kind."})


class MatchedPart(Schema):
    """A part of the text that was found."""

    text = fields.String(required=True)
    is_match = Boolean(required=True, metadata={"description": "Whether the search matches this part."})


class HitOut(Schema):
    """A row that matches."""

    kind = Choice(HitKind, required=True)
    id = Id(required=True, metadata={"description": "Of the lead, timeline entry, message, task or user."})
    title = fields.String(
        required=True,
        metadata={"description": "Name of the lead or user, or title of the task. For a note and a message: its lead."},
    )
    why = Choice(
        Why, required=True, metadata={"description": "The field that was found. `lead`: the task's lead was found."}
    )
    is_exact = Boolean(
        required=True, metadata={"description": "Whether the search is the whole phone number or e-mail address."}
    )
    matched = fields.List(
        fields.Nested(MatchedPart),
        required=True,
        metadata={"description": "Text of that field, in parts. Only the surroundings, if it is long."},
    )
    lead_id = Id(required=True, allow_none=True, metadata={"description": "The lead to show. Null for a user."})
    lead_name = fields.String(
        required=True, allow_none=True, metadata={"description": "Null for a user, and if you may not see the lead."}
    )
    type = fields.String(required=True, allow_none=True, metadata={"description": "Of a timeline entry."})
    at = Instant(required=True, allow_none=True, metadata={"description": "Time of a timeline entry or a message."})
    direction = Choice(
        Direction, required=True, allow_none=True, metadata={"description": "Of a message: from the lead, or to it."}
    )
    status = fields.String(required=True, allow_none=True, metadata={"description": "Of a task."})
    due_at = Instant(required=True, allow_none=True, metadata={"description": "Of a task."})
    is_active = Boolean(required=True, allow_none=True, metadata={"description": "Of a user."})


class SearchOut(Schema):
    """Hits, the best first: whole phone numbers and addresses, then names, then texts; the newest of each first."""

    hits = fields.List(fields.Nested(HitOut), required=True)
    searched = fields.List(
        Choice(HitKind),
        required=True,
        metadata={
            "description": "The kinds that were searched: notes only with `lead:private`, users only for callers who"
            " may list them."
        },
    )
    has_more = Boolean(required=True, metadata={"description": "Whether there are more hits of some kind."})
