"""Route of sequence performance reports."""

from uuid import UUID

from app.api.sequences.performance_schemas import PerformanceOut, PerformanceQuery
from app.automation.sequences.performance.report import performance
from app.core.calendar.date_range import date_range_of
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("sequence-performance", __name__, url_prefix="/api/sequences", description="Sequence performance.")


@blp.get("/<uuid:sequence_id>/performance")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PerformanceQuery)
@blp.response(200, PerformanceOut)
def show_performance(query: JsonDict, sequence_id: UUID) -> JsonDict:
    """Show the performance of a sequence.

    For leads enrolled in a period of at most one year that you may see: in total, by step and by variant. Each rate has
    a confidence interval. The variants of a step are compared, with intervals and an
    advice that hold however often you look.
    """
    period = date_range_of(query.get("since"), query.get("until"))
    with reading() as session:
        options = {"version": query.get("version"), "worth": query["worth"]}
        return performance(session, actor(), sequence_id, period, **options)
