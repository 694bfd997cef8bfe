"""Routes of user availability: out-of-office periods and working hours."""

from uuid import UUID

from app.api.assignment.availability_schemas import AbsenceIn, AbsenceOut, WorkingHoursSchema
from app.core.pagination import Page
from app.core.type_aliases import JsonDict, JsonObject
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.assignment import availability

blp = Blueprint(
    "availability", __name__, url_prefix="/api/users", description="Out-of-office periods and working hours."
)


@blp.get("/<uuid:user_id>/out-of-office")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(AbsenceOut))
def list_absences(query: JsonDict, user_id: UUID) -> Page:
    """List the out-of-office periods of a user.

    Past ones included; the latest end comes first.
    """
    with reading() as session:
        return availability.list_absences(session, actor(), user_id, query)


@blp.post("/<uuid:user_id>/out-of-office")
@allow(Permission.LEAD_READ)
@blp.arguments(AbsenceIn, lookups=availability.check_absence)
@blp.response(201, AbsenceOut)
def add_absence(given: JsonDict, user_id: UUID) -> object:
    """Add an out-of-office period of a user.

    For yourself; for other users with lead:assign or user:manage. The user gets no new leads in this period. Their open
    tasks that fall due in it are handled as `tasks` says when it begins, or at once if it has begun.
    """
    with unit_of_work() as session:
        return availability.add_absence(session, actor(), user_id, given)


@blp.delete("/<uuid:user_id>/out-of-office/<uuid:absence_id>")
@allow(Permission.LEAD_READ)
@blp.response(204)
def remove_absence(user_id: UUID, absence_id: UUID) -> None:
    """Delete an out-of-office period.

    Tasks that were given to other users stay with them.
    """
    with unit_of_work() as session:
        availability.remove_absence(session, actor(), user_id, absence_id)


@blp.get("/<uuid:user_id>/working-hours")
@allow(Permission.LEAD_READ)
@blp.response(200, WorkingHoursSchema)
def show_hours(user_id: UUID) -> JsonObject:
    """Show the working hours of a user.

    Null: the clinic's opening hours.
    """
    with reading() as session:
        return availability.hours_of(session, actor(), user_id)


@blp.put("/<uuid:user_id>/working-hours")
@allow(Permission.LEAD_READ)
@blp.arguments(WorkingHoursSchema)
@blp.response(200, WorkingHoursSchema)
def set_hours(given: JsonDict, user_id: UUID) -> JsonObject:
    """Set the working hours of a user.

    For yourself; for other users with lead:assign or user:manage. Assignment rules with strategy `schedule` use them.
    """
    with unit_of_work() as session:
        return availability.set_hours(session, actor(), user_id, given["hours"])
