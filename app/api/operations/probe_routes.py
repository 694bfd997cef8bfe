"""Probes for load balancers and supervisors. They tell nothing that a stranger could use."""

from flask import Response

from app.api.operations.health import database_answers, keys_fit
from app.api.operations.metrics import render
from app.api.operations.probe_schemas import HealthOut
from app.core.db import transaction
from app.http.access import PUBLIC, allow
from app.http.blueprint import Blueprint
from app.http.problems import Unavailable

blp = Blueprint("ops", __name__, description="Probes.")


@blp.get("/livez")
@allow(PUBLIC)
@blp.response(200, HealthOut)
def is_alive() -> dict[str, str]:
    """Is the process alive?

    Asks nobody else, so that a supervisor does not restart the API because the database is away.
    """
    return {"status": "alive"}


@blp.get("/readyz")
@allow(PUBLIC)
@blp.response(200, HealthOut)
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def is_ready() -> dict[str, str]:
    """Can calls be served?

    Asks the database, also whether the keys that it was sealed with are ours. The broker is not asked: without it calls
    are served, and their steps run a little later.
    """
    if not database_answers() or not keys_fit():
        raise Unavailable
    return {"status": "ready"}


@blp.get("/metrics")
@allow(PUBLIC)
@blp.alt_response(200, schema={"type": "string"}, content_type="text/plain", success=True)
def metrics() -> Response:
    """Figures for Prometheus.

    Lateness, steps by state and kind, queues, notifications, ages of the sweeps. Keep it inside: it asks no one who
    is calling.
    """
    with transaction() as session:
        return Response(render(session), content_type="text/plain; version=0.0.4; charset=utf-8")
