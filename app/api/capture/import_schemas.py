"""Request and response schemas of lead imports."""

from typing import Final

from marshmallow import fields

from app.api.tasks.bulk_schemas import JobOut
from app.engine.jobs.models import ItemReason, ItemStatus
from app.http.schemas.fields import Boolean, Choice, Day, Id, Instant, Integer, Text
from app.http.schemas.map_of import MapOf
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import QuerySchema, Schema
from app.leads.capture.imports.tables import FileKind
from app.leads.capture.imports.typed_cells import DateOrder
from app.leads.enums import ON_DUPLICATE_IN_IMPORTS, OnDuplicate

LONGEST_NAME: Final = 200


class UploadQuery(QuerySchema):
    """Name of the file."""

    name = Text(LONGEST_NAME, least=1, load_default="leads", metadata={"examples": ["fair.csv"]})


class StartIn(Schema):
    """Options of an import."""

    mapping = MapOf(
        keys=Text(120, least=1),
        values=Text(120, least=1),
        metadata={
            "description": "Column → lead field, or `custom.<key>`. Default: the guessed `mapping` of the import."
        },
    )
    source_id = Id(metadata={"description": "Source of leads without a source column or value."})
    date_order = Choice(
        DateOrder,
        load_default=DateOrder.MONTH,
        metadata={"description": "First number of dates that are not ISO 8601."},
    )
    on_duplicate = Choice(
        ON_DUPLICATE_IN_IMPORTS,
        load_default=OnDuplicate.SKIP,
        metadata={
            "description": "Handling of rows with the phone number or e-mail address of an existing lead or of an"
            " earlier row: `skip` creates nothing, `update` changes the lead, `create` creates another lead, `refuse`"
            " fails the row."
        },
    )
    runs_rules = Boolean(
        load_default=False,
        metadata={
            "description": "Whether automation rules run for new leads, for example to create call tasks. If not, no"
            " rule and no sweep plans follow-ups for a new lead until something happens to it (a reply, a call, a move,"
            " an edit), until `POST /api/leads/{id}/begin-follow-ups`, or until `rules_from`."
        },
    )
    rules_from = Day(
        allow_none=True,
        metadata={"description": "Without `runs_rules`: the day on which the rules begin, in the clinic's time zone."},
    )


class ImportOut(Schema):
    """An imported file."""

    id = Id(required=True)
    name = fields.String(required=True)
    kind = Choice(FileKind, required=True)
    encoding = fields.String(required=True, allow_none=True)
    columns = fields.List(fields.String(), required=True)
    rows = Integer(required=True)
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)


class ImportOptionsOut(Schema):
    """Options of the last preview or run."""

    mapping = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    source_id = Id(required=True, allow_none=True)
    date_order = Choice(DateOrder, required=True)
    on_duplicate = Choice(ON_DUPLICATE_IN_IMPORTS, required=True)
    runs_rules = Boolean(required=True)
    rules_from = Day(required=True, allow_none=True)
    is_preview = Boolean(required=True)


class FollowUpsOut(Schema):
    """Follow-ups that one rule would plan for the new leads. Events may stop those that are not due at once."""

    rule = fields.String(required=True, metadata={"description": "Slug of the rule."})
    description = fields.String(required=True, allow_none=True)
    tasks = Integer(required=True)
    messages = Integer(required=True)
    enrollments = Integer(
        required=True, metadata={"description": "In sequences; their tasks and messages are counted, too."}
    )


class ImportWarningOut(Schema):
    """Rows that are imported otherwise than the file says, such as those of a stage that the clinic does not have."""

    text = fields.String(required=True)
    rows = Integer(required=True)


class ImportDetailOut(ImportOut):
    """An imported file with its guessed mapping, sample rows and job."""

    mapping = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "Guess: column → field."},
    )
    sample = fields.List(fields.List(fields.String()), required=True, metadata={"description": "First rows."})
    job = fields.Nested(JobOut, required=True, allow_none=True, metadata={"description": "Last preview or run."})
    follow_ups = fields.List(
        fields.Nested(FollowUpsOut),
        required=True,
        allow_none=True,
        metadata={
            "description": "What the rules would plan, after a preview; empty without `runs_rules`. Null: no preview."
        },
    )
    options = fields.Nested(ImportOptionsOut, required=True, allow_none=True)
    skipped = Integer(required=True, metadata={"description": "Rows of existing leads that were left out."})
    updated = Integer(required=True, metadata={"description": "Rows that changed an existing lead."})
    duplicates = Integer(
        required=True,
        metadata={"description": "Rows with the phone number or address of an existing lead or of an earlier row."},
    )
    repeated = Integer(required=True, metadata={"description": "In a preview: rows of the person of an earlier row."})
    warnings = fields.List(
        fields.Nested(ImportWarningOut),
        required=True,
        metadata={"description": "Of the last preview or run, the most frequent first, at most 50."},
    )


class ImportFieldOut(Schema):
    """A field that a column of a file can fill."""

    name = fields.String(
        required=True, metadata={"description": "For `mapping`.", "examples": ["phone", "custom.braces"]}
    )
    label = fields.String(required=True, metadata={"examples": ["Phone"]})
    description = fields.String(required=True, metadata={"description": "The values that it takes."})
    examples = fields.List(fields.String(), required=True)
    aliases = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Titles of columns that are recognized besides its name."},
    )
    is_custom = Boolean(required=True)


class ImportFieldsOut(Schema):
    """All fields that an import can fill; custom fields at the end."""

    fields_ = fields.List(fields.Nested(ImportFieldOut), required=True, data_key="fields")


class RowQuery(PageQuery):
    """Filter of rows."""

    status = Choice(ItemStatus)
    duplicates = Boolean(metadata={"description": "`true`: only rows of a person who exists."})


class RowOut(Schema):
    """Result, or expected result, of a row."""

    number = Integer(required=True, metadata={"description": "Row number in the spreadsheet; the header is row 1."})
    status = Choice(ItemStatus, required=True)
    reason = Choice(ItemReason, required=True, allow_none=True)
    error = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Error message with the column name; of a row that is done, a warning."},
    )
    lead_id = Id(required=True, allow_none=True)
    matched_lead_id = Id(
        required=True, allow_none=True, metadata={"description": "Lead with the same phone number or e-mail address."}
    )
    same_as_row = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "In a preview: number of the first row with the same phone number or address."},
    )
