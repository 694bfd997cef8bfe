"""Health probes and metrics, for load balancers and supervisors. They reveal nothing confidential."""

from flask import Response

from app.api.operations.health import require_ready
from app.api.operations.metrics import render
from app.api.operations.probe_schemas import HealthOut
from app.core.db import transaction
from app.http.access import PUBLIC, allow
from app.http.blueprint import Blueprint

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

    Checks the database (schema, roles and grants, writes), the encryption keys, the disk space (`MIN_FREE_DISK_MB`),
    and whether the broker refuses writes. `detail` gives the reason. A broker that is away does not matter: calls are
    still served, and their steps run a little later. The status is `held` while calls are served and no step runs,
    such as after a restore.
    """
    return {"status": require_ready()}


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
