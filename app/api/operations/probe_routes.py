"""Health probes and metrics, for load balancers and supervisors. They reveal nothing confidential."""

from flask import Response

from app.api.operations.health import are_keys_valid, find_access_problems, is_database_ready, serving_status
from app.api.operations.metrics import render
from app.api.operations.probe_schemas import HealthOut
from app.core.db import transaction
from app.http.access import PUBLIC, allow
from app.http.blueprint import Blueprint
from app.http.problems import Unavailable

blp = Blueprint("ops", __name__, description="Health probes and metrics.")


@blp.get("/livez")
@allow(PUBLIC)
@blp.response(200, HealthOut)
def is_alive() -> dict[str, str]:
    """Liveness probe.

    Checks no other service, so that a supervisor does not restart the API while the database is not available.
    """
    return {"status": "alive"}


@blp.get("/readyz")
@allow(PUBLIC)
@blp.response(200, HealthOut)
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def is_ready() -> dict[str, str]:
    """Readiness probe.

    Checks the database, its roles and grants, and the encryption keys. The broker is not checked: without it calls are
    still served, and their steps run a little later. The status is `held` while calls are served and no step runs, such
    as after a restore.
    """
    if problems := find_access_problems():
        raise Unavailable(f"Access to the database is incomplete: {problems[0]}. Run `relance init`.")
    if not is_database_ready():
        raise Unavailable("The database does not answer, or its schema is older than the code.")
    if not are_keys_valid():
        raise Unavailable("The keys of this process differ from those of the data. See `relance doctor`.")
    return {"status": serving_status()}


@blp.get("/metrics")
@allow(PUBLIC)
@blp.alt_response(200, schema={"type": "string"}, content_type="text/plain", success=True)
def metrics() -> Response:
    """Prometheus metrics.

    Lateness, steps by state and kind, queues, notifications and ages of the sweeps. Do not expose it to the internet,
    because it needs no credentials.
    """
    with transaction() as session:
        return Response(render(session), content_type="text/plain; version=0.0.4; charset=utf-8")
