"""Pipeline stages, in and out."""

from marshmallow import fields

from app.http.schemas.fields import Boolean, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.leads.pipeline.models import MOST_STAGES

LONGEST_SLUG = 60


class StageChange(Schema):
    """What may be changed of a stage."""

    name = Text(60, least=1, required=True, metadata={"examples": ["Insurance check"]})
    description = Text(500, lines=True, allow_none=True, load_default=None)
    color = Text(7, form=("^#[0-9a-fA-F]{6}$", "Must look like #c2502f."), allow_none=True, load_default=None)
    max_days_in_stage = Integer(
        least=1,
        most=3650,
        allow_none=True,
        load_default=None,
        metadata={"description": "A lead that stays longer is reported. Null: as long as it takes."},
    )
    is_default = Boolean(load_default=False, metadata={"description": "Where new leads begin; one stage does."})


class StageIn(StageChange):
    """A new stage; it goes before the first terminal one."""

    slug = Text(
        LONGEST_SLUG,
        form=("^[a-z][a-z0-9_]*$", "Small letters, digits and _, a letter first."),
        required=True,
        metadata={"description": "How leads and rules name it; it never changes.", "examples": ["insurance_check"]},
    )


class StageOut(Schema):
    """A stage."""

    id = Id(required=True)
    name = fields.String(required=True)
    slug = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    position = fields.Integer(required=True, metadata={"description": "From 0; a lead moves to higher ones."})
    color = fields.String(required=True, allow_none=True)
    max_days_in_stage = fields.Integer(required=True, allow_none=True)
    is_terminal = Boolean(required=True)
    is_default = Boolean(required=True)
    archived_at = Instant(required=True, allow_none=True, metadata={"description": "Since when no lead enters it."})
    moves_to = fields.String(
        required=True, allow_none=True, metadata={"description": "Of an archived stage: where its leads go."}
    )
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class StageQuery(PageQuery):
    """Which stages to list: those in use, unless the archived ones are asked for."""

    is_archived = Boolean(load_default=False)


class Archival(Schema):
    """Where the leads of a stage go that is given up."""

    moves_to = Text(LONGEST_SLUG, least=1, required=True, metadata={"description": "The slug of a stage in use."})


class OrderIn(Schema):
    """All stages in use, in their new order, terminal ones last."""

    slugs = ListOf(Text(LONGEST_SLUG), least=1, most=MOST_STAGES, required=True)
