"""Imports of leads, in and out."""

from typing import Final

from marshmallow import fields

from app.api.capture.bulk_schemas import JobOut
from app.engine.jobs.models import ItemReason, ItemStatus
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import QuerySchema, Schema
from app.leads.capture.imports.cells import DateOrder
from app.leads.capture.imports.reading import FileKind
from app.leads.capture.imports.spec import OnDuplicate

LONGEST_NAME: Final = 200


class UploadQuery(QuerySchema):
    """What the file is called."""

    name = Text(LONGEST_NAME, least=1, load_default="leads", metadata={"examples": ["fair.csv"]})


class StartIn(Schema):
    """What to make of the file."""

    mapping = fields.Dict(
        keys=Text(120, least=1),
        values=Text(120, least=1),
        metadata={
            "description": "Column → field of a lead, or `custom.<key>`. Else as `mapping` of the import guesses."
        },
    )
    source_id = Id(metadata={"description": "Where these leads come from, where no column says it."})
    date_order = Choice(
        DateOrder, load_default=DateOrder.MONTH, metadata={"description": "What dates begin with that are not ISO."}
    )
    on_duplicate = Choice(
        OnDuplicate,
        load_default=OnDuplicate.SKIP,
        metadata={"description": "Where a lead has the phone or e-mail address of a row already."},
    )
    runs_rules = Boolean(
        load_default=False, metadata={"description": "Whether rules for new leads begin: a call task for each, say."}
    )


class ImportOut(Schema):
    """A file of leads."""

    id = Id(required=True)
    name = fields.String(required=True)
    kind = Choice(FileKind, required=True)
    encoding = fields.String(required=True, allow_none=True)
    columns = fields.List(fields.String(), required=True)
    rows = Integer(required=True)
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)


class ImportDetailOut(ImportOut):
    """A file of leads, what its columns seem to be, and how far it is."""

    mapping = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "A guess: column → field."},
    )
    sample = fields.List(fields.List(fields.String()), required=True, metadata={"description": "The first rows."})
    job = fields.Nested(JobOut, required=True, allow_none=True, metadata={"description": "The last preview or run."})


class RowQuery(PageQuery):
    """Which rows to list."""

    status = Choice(ItemStatus)


class RowOut(Schema):
    """How a row ended, or would end."""

    number = Integer(required=True, metadata={"description": "As the spreadsheet counts: the names are row 1."})
    status = Choice(ItemStatus, required=True)
    reason = Choice(ItemReason, required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True, metadata={"description": "With the name of the column."})
    lead_id = Id(required=True, allow_none=True)
