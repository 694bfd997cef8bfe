"""Routes that read definitions for editors. Rules, sequences and nurtures are written by their own routes."""

from app.api.automation.definition_schemas import (
    LatestStepOut,
    LatestStepQuery,
    ReadIn,
    ReadOut,
    VocabularyOut,
    VocabularyQuery,
)
from app.automation.reading.latest_steps import latest_steps
from app.automation.reading.service import read_definition, require_one_source
from app.automation.reading.vocabulary import vocabulary_of
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission

blp = Blueprint(
    "definitions", __name__, url_prefix="/api/definitions", description="Rules, sequences and nurtures in words."
)


@blp.post("/read")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(ReadIn, lookups=require_one_source)
@blp.response(200, ReadOut)
def read_definition_text(given: JsonDict) -> JsonDict:
    """Read a definition: as text, in sentences and as a picture.

    Also checks it. The response has every mistake with its line. Nothing is written.
    """
    with reading() as session:
        return read_definition(session, actor(), given)


@blp.get("/vocabulary")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(VocabularyQuery)
@blp.response(200, VocabularyOut)
def show_vocabulary(query: JsonDict) -> JsonDict:
    """Show what a definition can contain.

    The parts of each place, their values, and the fields of conditions, with the names of the clinic.
    """
    with reading() as session:
        return vocabulary_of(session, actor(), query["kind"])


@blp.get("/<name>/latest-steps")
@allow(Permission.LEAD_READ)
@blp.arguments(LatestStepQuery)
@blp.response(200, page_of(LatestStepOut))
def list_latest_steps(query: JsonDict, name: str) -> Page:
    """List the latest steps of a rule or a sequence.

    First the pending ones, by due time; then those that ended in the last seven days, the latest first. `limit` of
    each, for leads that you may see.
    """
    with reading() as session:
        return Page(latest_steps(session, actor(), name, limit=query["limit"]), next_cursor=None)
