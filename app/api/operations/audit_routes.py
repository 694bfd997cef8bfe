"""Routes and schemas of the audit log."""

from datetime import timedelta
from itertools import islice
from typing import Any, Final

from flask import Response
from marshmallow import ValidationError, fields, validates_schema

from app.audit import hash_chain, search
from app.audit.export import export
from app.audit.models import Act
from app.clock import now
from app.core.files.exports import FileFormat
from app.core.pagination import Page
from app.core.type_aliases import JsonDict, JsonObject
from app.http.access import actor, allow, read_from_replica, reading
from app.http.blueprint import Blueprint
from app.http.downloads import TEXT, download
from app.http.schemas import words
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, Text
from app.http.schemas.paging import PageQuery, page_of
from app.http.schemas.schema import Aliases, QuerySchema, Schema
from app.identity.permissions import Permission

LONGEST_PERIOD: Final = timedelta(days=366)
USUAL_PERIOD: Final = timedelta(days=31)
MOST_BREAKS: Final = 100

blp = Blueprint("audit", __name__, url_prefix="/api/audit", description="Audit log.")


class AuditFilters(Aliases, QuerySchema):
    """Filters for audit log entries. Default period: the last 31 days; at most 366 days."""

    aliases = words.FROM

    from_ = Instant(data_key="from")
    to = Instant(metadata={"description": "Exclusive."})
    user_id = Id()
    api_key_id = Id()
    act = Choice(Act)
    subject = Text(50, least=1, metadata={"examples": ["lead", "task", "user"]})
    subject_id = Id(metadata={"description": "Entries that contain the id of this lead, task, …"})
    operation = Text(100, least=1, metadata={"examples": ["leads.get_lead"]})

    def read(self, data: object) -> Any:
        """Fill in the default period."""
        given = super().read(data)
        return {**given, **self._period(given)}

    @staticmethod
    def _period(given: JsonObject) -> JsonDict:
        to = given.get("to", now() + timedelta(minutes=1))
        return {"to": to, "from_": given.get("from_", to - USUAL_PERIOD)}

    @validates_schema
    def _is_a_period(self, data: JsonDict, **_: object) -> None:
        period = self._period(data)
        if not timedelta() < period["to"] - period["from_"] <= LONGEST_PERIOD:
            raise ValidationError(f"Must be before `to`, by at most {LONGEST_PERIOD.days} days.", "from")


class AuditQuery(AuditFilters, PageQuery):
    """Filters and page of audit log entries."""


class EntryOut(Schema):
    """An audit log entry: a read or a change by one call."""

    number = Integer(required=True)
    at = Instant(required=True)
    user_id = Id(required=True, allow_none=True)
    api_key_id = Id(required=True, allow_none=True)
    address = fields.String(required=True, allow_none=True)
    request_id = fields.String(required=True, allow_none=True)
    operation = fields.String(required=True, metadata={"description": "The `operationId` of the call."})
    act = Choice(Act, required=True)
    subject = fields.String(required=True)
    ids = fields.List(Id(), required=True)
    fields_ = fields.List(
        fields.String(),
        required=True,
        data_key="fields",
        attribute="fields",
        metadata={"description": "Names of the changed fields."},
    )
    before = fields.Raw(required=True, allow_none=True, metadata={"type": ["object", "null"]})
    after = fields.Raw(required=True, allow_none=True, metadata={"type": ["object", "null"]})
    is_readable = Boolean(
        required=True,
        metadata={"description": "False if the values were erased, their key is missing, or you may not see them."},
    )


class ChainBreakOut(Schema):
    """A failed check: entries after number `after`, up to `up_to`, are not as they were written."""

    after = Integer(required=True)
    up_to = Integer(required=True)
    problem = fields.String(required=True)


class VerificationOut(Schema):
    """The result of the verification."""

    is_intact = Boolean(required=True)
    links = Integer(required=True, metadata={"description": "Number of links of the hash chain."})
    entries = Integer(
        required=True, metadata={"description": "Entries that the chain covers. New ones follow within minutes."}
    )
    breaks = fields.List(fields.Nested(ChainBreakOut), required=True, metadata={"description": "The first 100."})


@blp.get("/verification")
@allow(Permission.AUDIT_READ)
@blp.response(200, VerificationOut)
def verify_chain() -> JsonDict:
    """Verify the audit log.

    Computes the hash chain again, as `relance audit verify` does. It finds entries that were changed, removed,
    reordered or inserted.
    """
    with reading() as session:
        clinic_id = actor().clinic.id
        breaks = list(islice(hash_chain.verify_chain(session, clinic_id), MOST_BREAKS))
        return {**hash_chain.count_links(session, clinic_id), "is_intact": not breaks, "breaks": breaks}


@blp.get("/export")
@allow(Permission.AUDIT_READ)
@blp.arguments(AuditFilters)
@blp.alt_response(200, schema=TEXT, content_type="text/csv", success=True)
@blp.alt_response(409, "CONFLICT")
def export_entries(query: JsonDict) -> Response:
    """Download audit log entries.

    CSV in UTF-8, latest first, with the filters and the redaction of the list. At most 10,000 entries: narrow the
    period for more.
    """
    return download(read_from_replica(export, query), "audit", FileFormat.CSV)


@blp.get("")
@allow(Permission.AUDIT_READ)
@blp.arguments(AuditQuery)
@blp.response(200, page_of(EntryOut))
def list_entries(query: JsonDict) -> Page:
    """List audit log entries.

    Latest first. A request for a list is one entry, with the ids of all objects in the response. Ids and values of
    leads that you may not see are left out. Without `lead:private`, private fields are null.
    """
    with reading() as session:
        return search.list_entries(session, actor(), query)
