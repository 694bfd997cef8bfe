"""Route of the search of everything."""

from app.api.capture.search_schemas import SearchIn, SearchOut
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission
from app.tasks.search_everything import search

blp = Blueprint("search", __name__, url_prefix="/api/search", description="Search of everything.")


@blp.post("")
@allow(Permission.LEAD_READ)
@blp.arguments(SearchIn)
@blp.response(200, SearchOut)
def search_everything(given: JsonDict) -> JsonDict:
    """Search leads, timelines, messages, tasks and users.

    A POST, because URLs must hold no personal data. It finds what the lists show to the caller.
    """
    with reading() as session:
        return search(session, actor(), given)
