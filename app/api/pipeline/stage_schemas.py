"""Request and response schemas of pipeline stages."""

from marshmallow import fields

from app.automation.stages.reactions import Moment, ReactionKind
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.leads.pipeline.models import (
    LONGEST_STAGE_COLOR,
    LONGEST_STAGE_DESCRIPTION,
    LONGEST_STAGE_NAME,
    LONGEST_STAGE_SLUG,
    MOST_DAYS_IN_STAGE,
    MOST_STAGES,
    STAGE_COLOR,
    STAGE_SLUG,
)


class StageChange(Schema):
    """Editable fields of a stage."""

    name = Text(LONGEST_STAGE_NAME, least=1, required=True, metadata={"examples": ["Insurance check"]})
    description = Text(LONGEST_STAGE_DESCRIPTION, lines=True, allow_none=True, load_default=None)
    color = Text(LONGEST_STAGE_COLOR, form=(STAGE_COLOR, "Must look like #c2502f."), allow_none=True, load_default=None)
    max_days_in_stage = Integer(
        least=1,
        most=MOST_DAYS_IN_STAGE,
        allow_none=True,
        load_default=None,
        metadata={"description": "Limit of days; leads that stay longer are flagged. Null: no limit."},
    )
    is_default = Boolean(
        load_default=False, metadata={"description": "Whether new leads start here; exactly one stage is the default."}
    )
    auto_task_template = Id(
        allow_none=True,
        metadata={"description": "Id of a task template: leads that enter the stage get its task. Null: none."},
    )
    auto_email_template = Id(
        allow_none=True,
        metadata={"description": "Id of a message template: leads that enter the stage get its e-mail. Null: none."},
    )


class StageIn(StageChange):
    """A new stage, placed before the first terminal one."""

    slug = Text(
        LONGEST_STAGE_SLUG,
        form=(
            STAGE_SLUG,
            "Must start with a lower-case letter and contain only lower-case letters, digits and _.",
        ),
        required=True,
        metadata={"description": "Identifier in leads and rules; never changes.", "examples": ["insurance_check"]},
    )


class StageOut(Schema):
    """A pipeline stage."""

    id = Id(required=True)
    name = fields.String(required=True)
    slug = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    position = fields.Integer(required=True, metadata={"description": "From 0. Leads move to higher positions."})
    color = fields.String(required=True, allow_none=True)
    max_days_in_stage = fields.Integer(required=True, allow_none=True)
    is_terminal = Boolean(required=True)
    is_default = Boolean(required=True)
    archived_at = Instant(required=True, allow_none=True, metadata={"description": "Time of archiving."})
    moves_to = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Slug of the stage that gets an archived stage's leads."},
    )
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class StageReactionOut(Schema):
    """A rule, sequence or task template that reacts to the stage."""

    kind = Choice(ReactionKind, required=True)
    id = Id(required=True, metadata={"description": "Id of the rule, sequence or task template."})
    name = fields.String(required=True)
    on = Choice(Moment, required=True, metadata={"description": "Whether a lead enters, leaves or stays for too long."})
    text = fields.String(required=True, metadata={"description": "When it acts and what it does, in plain words."})


class StageWithAutomationOut(StageOut):
    """A pipeline stage, with what reacts to it."""

    auto_task_template = Id(
        required=True,
        allow_none=True,
        metadata={
            "description": "Id of the task template of the stage's rule, also if that is off. Null: none, or"
            " the rule was edited."
        },
    )
    auto_email_template = Id(
        required=True,
        allow_none=True,
        metadata={
            "description": "Id of the message template of the stage's rule, also if that is off. Null: none, or"
            " the rule was edited."
        },
    )
    automation = fields.List(
        fields.Nested(StageReactionOut),
        required=True,
        metadata={"description": "Active rules, sequences and task templates that react to the stage."},
    )


class StageQuery(PageQuery):
    """Filter of stages: active ones by default, or archived ones."""

    is_archived = Boolean(load_default=False)


class Archival(Schema):
    """Target stage for the leads of an archived stage."""

    moves_to = Text(LONGEST_STAGE_SLUG, least=1, required=True, metadata={"description": "Slug of an active stage."})


class OrderIn(Schema):
    """All active stages in their new order, terminal ones last."""

    slugs = ListOf(Text(LONGEST_STAGE_SLUG), least=1, most=MOST_STAGES, required=True)
