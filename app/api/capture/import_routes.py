"""Routes of `/api/imports`: upload a lead file, preview it, import it."""

from typing import Final
from uuid import UUID

from flask import Response, request

from app.api.capture.import_schemas import (
    ImportDetailOut,
    ImportFieldsOut,
    ImportOut,
    RowOut,
    RowQuery,
    StartIn,
    UploadQuery,
)
from app.core.files.exports import FileFormat
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.body.json_body import read_bytes
from app.http.body.unknown_parameters import declare_reads_body
from app.http.downloads import TEXT, download
from app.http.large_bodies import large_body
from app.http.problems import UnsupportedMediaType
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.capture.imports import service
from app.leads.capture.imports.field_list import list_fields
from app.leads.capture.imports.tables import FileKind, Table, open_table

KINDS: Final = {
    "text/csv": FileKind.CSV,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": FileKind.XLSX,
}
_BODIES: Final = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS}

blp = Blueprint("imports", __name__, url_prefix="/api/imports", description="Import of leads from CSV and XLSX files.")


@blp.get("")
@allow(Permission.LEAD_IMPORT)
@blp.arguments(PageQuery)
@blp.response(200, page_of(ImportOut))
def list_imports(query: JsonDict) -> Page:
    """List the clinic's imports.

    Newest first. Files are deleted after seven days.
    """
    with reading() as session:
        return service.list_imports(session, actor(), query)


@blp.post("")
@allow(Permission.LEAD_IMPORT)
@large_body
@declare_reads_body
@blp.doc(requestBody={"required": True, "content": _BODIES})
@blp.arguments(UploadQuery)
@blp.response(201, ImportDetailOut)
@blp.alt_response(415, "UNSUPPORTED_MEDIA_TYPE")
def upload(query: dict[str, str]) -> tuple[object, dict[str, str]]:
    """Upload a file of leads.

    The body is the file: CSV (UTF-8, UTF-16 or Windows-1252; comma, semicolon or tab) or XLSX, up to 20 MB and 100,000
    rows, with a header row. No lead is created yet: the response proposes a field for each column.
    """
    table = _open_upload()  # before the transaction, because opening a large workbook is slow
    with unit_of_work() as session:
        created = service.upload(session, actor(), table, name=query["name"])
        response = service.describe(session, actor(), created.id)
    return response, {"Location": f"/api/imports/{created.id}"}


@blp.get("/fields")
@allow(Permission.LEAD_IMPORT)
@blp.response(200, ImportFieldsOut)
def list_import_fields() -> JsonDict:
    """List the fields that an import can fill.

    With a description, examples and the titles of columns that are recognized. The clinic's custom fields are at the
    end.
    """
    with reading() as session:
        return {"fields_": list_fields(session, actor())}


@blp.get("/<uuid:import_id>")
@allow(Permission.LEAD_IMPORT)
@blp.response(200, ImportDetailOut)
def get_import(import_id: UUID) -> JsonDict:
    """Show an import and its progress."""
    with reading() as session:
        return service.describe(session, actor(), import_id)


@blp.post("/<uuid:import_id>/preview")
@allow(Permission.LEAD_IMPORT)
@blp.arguments(StartIn, lookups=service.check_start)
@blp.response(202, ImportDetailOut)
@blp.alt_response(409, "CONFLICT")
def preview(given: JsonDict, import_id: UUID) -> JsonDict:
    """Preview an import.

    Workers check every row and report the expected result; no lead is created. Then list the failed rows.
    """
    return _start(given, import_id, is_rehearsal=True)


@blp.post("/<uuid:import_id>/start")
@allow(Permission.LEAD_IMPORT)
@blp.arguments(StartIn, lookups=service.check_start)
@blp.response(202, ImportDetailOut)
@blp.alt_response(409, "CONFLICT")
def start(given: JsonDict, import_id: UUID) -> JsonDict:
    """Start an import.

    Workers create the leads; an invalid row fails alone. The job can be cancelled, and failed rows can be retried.
    """
    return _start(given, import_id, is_rehearsal=False)


@blp.get("/<uuid:import_id>/rows")
@allow(Permission.LEAD_IMPORT)
@blp.arguments(RowQuery)
@blp.response(200, page_of(RowOut))
def list_rows(query: JsonDict, import_id: UUID) -> Page:
    """List the results of the last preview or run.

    One per row, in file order.
    """
    with reading() as session:
        return service.rows_with_results(session, actor(), import_id, query)


@blp.get("/<uuid:import_id>/errors")
@allow(Permission.LEAD_IMPORT)
@blp.alt_response(200, schema=TEXT, content_type="text/csv", success=True)
def download_errors(import_id: UUID) -> Response:
    """Download the rows that failed.

    CSV with the original columns and a last column with the error. Correct the rows, and upload the file again.
    """
    with reading() as session:
        file = service.errors_file(session, actor(), import_id)
    return download(file, "errors", FileFormat.CSV)


def _start(given: JsonDict, import_id: UUID, *, is_rehearsal: bool) -> JsonDict:
    with unit_of_work() as session:
        service.start(session, actor(), import_id, given, is_rehearsal=is_rehearsal)
        session.flush()
        return service.describe(session, actor(), import_id)


def _open_upload() -> Table:
    """Open the file in the request. Raises UnsupportedMediaType, Invalid; Flask answers 413."""
    if request.mimetype not in KINDS:
        raise UnsupportedMediaType(f"Send the file itself, as one of {', '.join(KINDS)}.")
    return open_table(read_bytes(), KINDS[request.mimetype])
