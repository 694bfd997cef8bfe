"""Simulations: what would happen if."""

from typing import Any
from uuid import UUID

from app.api.automation.simulation_schemas import SimulationIn, SimulationOut
from app.automation.simulation import service
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("simulations", __name__, url_prefix="/api", description="What would happen if.")


@blp.post("/playbooks/<name>/simulate")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(SimulationIn)
@blp.response(200, SimulationOut)
@blp.alt_response(404, "NOT_FOUND")
def simulate_playbook(given: dict[str, Any], name: str) -> dict[str, Any]:
    """Simulate a playbook, with nothing written and nobody told.

    One that ships, or `own`: the rules in force. With a lead that is made up or one that is there, and a script of what
    happens meanwhile: the engine's own plan, guard and gate say what follows, day by day.
    """
    with reading() as session:
        return service.simulate_playbook(session, actor(), name, given)


@blp.post("/sequences/<uuid:sequence_id>/simulate")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(SimulationIn)
@blp.response(200, SimulationOut)
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
def simulate_sequence(given: dict[str, Any], sequence_id: UUID) -> dict[str, Any]:
    """Simulate a sequence, with nothing written and nobody told.

    Its draft, if it has one, by itself: no rules are in force. The lead is put into it at the start.
    """
    with reading() as session:
        return service.simulate_sequence(session, actor(), sequence_id, given)
