"""Route for the state of the engine."""

from app.api.operations.overview import operations_overview
from app.api.operations.overview_schemas import OperationsOut
from app.core.db import transaction
from app.core.type_aliases import JsonDict
from app.http.access import allow, end_transaction
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("operations", __name__, url_prefix="/api/operations", description="State of the engine.")


@blp.get("")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(200, OperationsOut)
def show_operations() -> JsonDict:
    """Show the state of the engine.

    Queues, workers, sweeps, and steps by state, over all clinics of the installation. It has no data of clinics.
    `GET /api/automation/lateness` reports the steps of your clinic.
    """
    end_transaction()
    with transaction() as session:  # these tables are of no clinic, and not visible in the caller's transaction
        return operations_overview(session)
