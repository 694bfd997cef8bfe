"""Routes of playbooks: list, install, export, import."""

from app.api.automation.playbook_schemas import (
    AddedOut,
    ExportOut,
    ExportQuery,
    ImportedPlaybookIn,
    InstallIn,
    PlaybookDetailOut,
    PlaybookOut,
)
from app.automation.playbooks import service
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission

blp = Blueprint(
    "playbooks",
    __name__,
    url_prefix="/api/playbooks",
    description="Packages of rules, sequences, nurtures and templates.",
)


@blp.get("")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, page_of(PlaybookOut))
def list_playbooks() -> Page:
    """List the built-in playbooks."""
    with reading() as session:
        return Page(service.list_playbooks(session, actor()), next_cursor=None)


@blp.get("/export")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(ExportQuery)
@blp.response(200, ExportOut)
def export_playbook(query: dict[str, str]) -> dict[str, str]:
    """Export the clinic's rules, sequences, nurtures and templates as a playbook.

    Contains published versions, and the clinic's stages and custom fields. Another clinic can import it.
    """
    with reading() as session:
        return {"yaml": service.export_playbook(session, actor(), query["name"])}


@blp.post("/import")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(ImportedPlaybookIn, lookups=service.check_import)
@blp.response(200, AddedOut)
@blp.alt_response(409, "CONFLICT")
def import_playbook(given: JsonDict) -> object:
    """Import a playbook.

    Adds the parts that the clinic does not have yet; existing parts stay unchanged. New rules are active at once,
    unless `is_active` is false. `dry_run` returns the same without writing.
    """
    with reading() if given["dry_run"] else unit_of_work() as session:
        return service.import_playbook(session, actor(), given)


@blp.get("/<name>")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, PlaybookDetailOut)
@blp.alt_response(404, "NOT_FOUND")
def get_playbook(name: str) -> JsonDict:
    """Show a built-in playbook and its source."""
    with reading() as session:
        return service.get_playbook(session, actor(), name)


@blp.post("/<name>/install")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(InstallIn, required=False)
@blp.response(200, AddedOut)
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
def install_playbook(given: JsonDict, name: str) -> object:
    """Install a built-in playbook.

    Adds the parts that the clinic does not have yet; existing parts stay unchanged. New rules are active at once,
    unless `is_active` is false. `dry_run` returns the same without writing.
    """
    with reading() if given["dry_run"] else unit_of_work() as session:
        return service.install_playbook(session, actor(), name, given)
