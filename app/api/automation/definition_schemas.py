"""Request and response schemas for reading definitions."""

from typing import Final

from marshmallow import fields

from app.api.operations.kind_field import StepKindName
from app.automation.language.docs.pictures import Direction, Shape
from app.automation.playbooks.shipped import LONGEST_TEXT
from app.automation.reading.kinds import DefinitionKind
from app.automation.reading.outline import Role
from app.engine.models import StepState
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, Text
from app.http.schemas.schema import QuerySchema, Schema

MOST_LATEST: Final = 100


class ReadIn(Schema):
    """A definition, as text or as data. Give one of them."""

    kind = Choice(DefinitionKind, required=True)
    text = Text(LONGEST_TEXT, lines=True, metadata={"description": "YAML or JSON."})
    definition = fields.Dict(metadata={"description": "A rule, sequence or nurture as the API returns it."})


class PlaceOut(Schema):
    """A part of the definition, and its line in the text."""

    pointer = fields.String(required=True, metadata={"description": "JSON pointer; empty: the whole."})


class DefinitionMistakeOut(PlaceOut):
    """A mistake, and its place in the text. The first line and the first column are 1."""

    message = fields.String(required=True)
    line = Integer(required=True, least=1)
    column = Integer(required=True, least=1)


class OutlineLineOut(PlaceOut):
    """A line of the outline."""

    line = Integer(required=True, allow_none=True, metadata={"description": "Null: it shows a default."})
    role = Choice(Role, required=True)
    text = fields.String(required=True)
    depth = Integer(required=True)


class PictureNodeOut(PlaceOut):
    """A node of the picture."""

    id = fields.String(required=True)
    line = Integer(required=True, allow_none=True, metadata={"description": "Null: it shows a default."})
    shape = Choice(Shape, required=True)
    text = fields.String(required=True)


class PictureEdgeOut(Schema):
    """An arrow between two nodes."""

    source = fields.String(required=True)
    target = fields.String(required=True)
    label = fields.String(required=True)
    is_stop = Boolean(required=True, metadata={"description": "The source cancels the target."})


class PictureOut(Schema):
    """Nodes and arrows. Every path leads in one direction."""

    direction = Choice(Direction, required=True)
    nodes = fields.List(fields.Nested(PictureNodeOut), required=True)
    edges = fields.List(fields.Nested(PictureEdgeOut), required=True)


class ReadOut(Schema):
    """A definition: as text and as data, in sentences and as a picture."""

    text = fields.String(required=True, metadata={"description": "YAML: as given, or written from the data."})
    definition = fields.Dict(
        required=True, allow_none=True, metadata={"description": "Null: the text is not valid in any clinic."}
    )
    mistakes = fields.List(fields.Nested(DefinitionMistakeOut), required=True)
    outline = fields.List(fields.Nested(OutlineLineOut), required=True)
    picture = fields.Nested(PictureOut, required=True, allow_none=True)


class VocabularyQuery(QuerySchema):
    """The kind of definition."""

    kind = Choice(DefinitionKind, load_default=DefinitionKind.RULE)


class VocabularyPartOut(Schema):
    """A key that a place can have."""

    name = fields.String(required=True)
    description = fields.String(required=True)
    is_required = Boolean(required=True)
    example = fields.String(required=True, metadata={"description": "As YAML; may be empty."})
    values = fields.List(fields.String(), required=True, metadata={"description": "Known values; empty: any."})


class VocabularyPlaceOut(Schema):
    """The parts below one key, such as `after` or `create_task`. The items of a list have the key of the list."""

    key = fields.String(required=True, metadata={"description": "Empty: the definition itself."})
    parts = fields.List(fields.Nested(VocabularyPartOut), required=True)


class VocabularyFieldOut(Schema):
    """A field that conditions can test."""

    path = fields.String(required=True)
    type = fields.String(required=True)
    description = fields.String(required=True)
    values = fields.List(fields.String(), required=True, metadata={"description": "Known values; empty: any."})


class VocabularyOut(Schema):
    """The possible parts of a definition, with the names of the clinic."""

    places = fields.List(fields.Nested(VocabularyPlaceOut), required=True)
    fields_ = fields.List(fields.Nested(VocabularyFieldOut), required=True, data_key="fields", attribute="fields")


class LatestStepQuery(QuerySchema):
    """The number of pending and of ended steps."""

    limit = Integer(least=1, most=MOST_LATEST, load_default=20)


class LatestStepOut(Schema):
    """A step of a rule or sequence, and its lead."""

    id = Id(required=True)
    kind = StepKindName(required=True)
    name = fields.String(required=True)
    state = Choice(StepState, required=True)
    reason = fields.String(required=True, allow_none=True)
    due_at = Instant(required=True)
    finished_at = Instant(required=True, allow_none=True)
    lead_id = Id(required=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
