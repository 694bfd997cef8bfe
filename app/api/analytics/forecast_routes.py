"""Route of the forecast."""

from app.analytics.forecast.forecast import forecast
from app.api.analytics.forecast_schemas import ForecastOut, ForecastQuery
from app.core.type_aliases import JsonDict
from app.http.access import allow, read_from_replica
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("forecast", __name__, url_prefix="/api/leads/analytics", description="Forecast of conversions.")


@blp.get("/forecast")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(ForecastQuery)
@blp.response(200, ForecastOut)
def show_forecast(query: JsonDict) -> JsonDict:
    """Forecast conversions and their value.

    For each of the next eight weeks, with an interval that holds in 80 % of the weeks: of the leads that are open now,
    by stage and time in it, and of new leads. The same forecast of past weeks shows how good it is. With too little
    history there is no forecast, and `words` says what is missing. Only leads that you may see count.
    """
    return read_from_replica(forecast, query)
