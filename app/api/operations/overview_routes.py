"""Route for the state of the engine."""

from app.api.operations.overview import operations_overview
from app.api.operations.overview_schemas import OperationsOut
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("operations", __name__, url_prefix="/api/operations", description="State of the engine.")


@blp.get("")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(200, OperationsOut)
def show_operations() -> JsonDict:
    """Show the state of the engine.

    Queues, workers and sweeps are those of the installation. The steps are those of your clinic that have not ended:
    planned, running, failed, or with an unknown result.
    """
    with reading() as session:
        return operations_overview(session, actor())
