"""How sequences did."""

from typing import Any
from uuid import UUID

from app.api.sequences.performance_schemas import PerformanceOut, PerformanceQuery
from app.automation.sequences.performance.report import performance
from app.core.date_range import date_range_of
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("sequence-performance", __name__, url_prefix="/api/sequences", description="How sequences did.")


@blp.get("/<uuid:sequence_id>/performance")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PerformanceQuery)
@blp.response(200, PerformanceOut)
def show_performance(query: dict[str, Any], sequence_id: UUID) -> dict[str, Any]:
    """Show how a sequence did.

    Of the leads that began it within a time of at most a year, as far as you may see them: in all, by step and by
    variant, each share with the interval that the true one lies in; variants of a step are compared.
    """
    period = date_range_of(query.get("since"), query.get("until"))
    with reading() as session:
        return performance(session, actor(), sequence_id, period, version=query.get("version"))
