"""Simulation routes."""

from uuid import UUID

from app.api.automation.simulation_schemas import SimulationIn, SimulationOut
from app.automation.simulation import service
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("simulations", __name__, url_prefix="/api", description="Dry runs of playbooks, sequences and rules.")


@blp.post("/playbooks/<name>/simulate")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(SimulationIn, lookups=service.check_simulation)
@blp.response(200, SimulationOut)
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(410, "GONE")
def simulate_playbook(given: JsonDict, name: str) -> JsonDict:
    """Simulate a playbook for one lead. Nothing is written or sent.

    `name` is a shipped playbook, or `own` for the clinic's active rules. The lead is a sample or an existing one, and a
    script says which events happen. Planning, guards and the contact policy are those of the engine.
    """
    with reading() as session:
        return service.simulate_playbook(session, actor(), name, given)


@blp.post("/sequences/<uuid:sequence_id>/simulate")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(SimulationIn, lookups=service.check_simulation)
@blp.response(200, SimulationOut)
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(410, "GONE")
def simulate_sequence(given: JsonDict, sequence_id: UUID) -> JsonDict:
    """Simulate a sequence for one lead. Nothing is written or sent.

    The draft is used if there is one. No other rules run. The lead is enrolled at the start.
    """
    with reading() as session:
        return service.simulate_sequence(session, actor(), sequence_id, given)


@blp.post("/follow-up-rules/<uuid:follow_up_rule_id>/simulate")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(SimulationIn, lookups=service.check_simulation)
@blp.response(200, SimulationOut)
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(410, "GONE")
def simulate_rule(given: JsonDict, follow_up_rule_id: UUID) -> JsonDict:
    """Simulate a rule for one lead. Nothing is written or sent.

    The draft is used if there is one. No other rules run.
    """
    with reading() as session:
        return service.simulate_rule(session, actor(), follow_up_rule_id, given)
