"""Bulk follow-ups: create a job that makes a task for each of many leads."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.type_aliases import JsonObject
from app.engine.jobs.models import Job
from app.engine.jobs.service import JobPlan, start_job
from app.errors import FieldError, Forbidden, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.identity.users.lookup import MUST_BE_ASSIGNABLE, is_assignable, users_by_id
from app.leads.capture.bulk.known_people import require_update_of_all
from app.leads.enums import OnDuplicate
from app.leads.search.lookup import visible_user_ids
from app.tasks.bulk.fill import fill
from app.tasks.bulk.spec import Spec


def create_job(session: Session, actor: Actor, data: JsonObject) -> Job:
    """Create a job for `data`, as `BulkIn` reads it, split into chunks.

    If a job with the same client key exists, return it. Raises Forbidden, Invalid, ClientKeyReused, Conflict (when
    another request uses the client key right now).
    """
    _require_permission(actor, data)

    def spec(at: datetime) -> JsonObject:
        require_users(session, actor, data)
        return spec_of(session, actor, data, at=at).to_json()

    return start_job(session, actor, data, JobPlan(spec, lambda job_id: fill(session, actor, job_id, data)))


def check_job(session: Session, actor: Actor, data: JsonObject) -> None:
    """Check permissions and assignees of a job. Raises Forbidden, Invalid."""
    _require_permission(actor, data)
    require_users(session, actor, data)


def _require_permission(actor: Actor, data: JsonObject) -> None:
    if "leads" in data:
        actor.require(Permission.LEAD_CREATE)
    if "leads" in data and actor.scope is not Scope.ALL:
        raise Forbidden("Only users with access to all leads can create leads in bulk.")
    if data.get("on_duplicate") == OnDuplicate.UPDATE:
        require_update_of_all(actor)
    others = {user_id for user_id, _ in _named(data)} - {actor.user_id}
    if others:
        actor.require(Permission.LEAD_ASSIGN)


def _named(data: JsonObject) -> list[tuple[UUID, str]]:
    """Return the users that the body names as assignees, each with its JSON pointer."""
    assignee, place = data["followup"]["assignee"], "/followup/assignee"
    one = [(assignee["user_id"], f"{place}/user_id")] if "user_id" in assignee else []
    return one + [(user_id, f"{place}/user_ids/{i}") for i, user_id in enumerate(assignee.get("user_ids", ()))]


def require_users(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the users that the body names as assignees. Raises Invalid with a pointer to each."""
    named = _named(data)
    known = users_by_id(session, actor.clinic.id, [user_id for user_id, _ in named])
    if wrong := [place for user_id, place in named if not is_assignable(known, user_id)]:
        raise Invalid(*(FieldError(place, MUST_BE_ASSIGNABLE) for place in wrong))


def spec_of(session: Session, actor: Actor, data: JsonObject, *, at: datetime) -> Spec:
    """Return the specification of a job that starts at `at`."""
    may_assign = actor.allows(Permission.LEAD_ASSIGN)
    return Spec.of(data, at=at, may_assign=may_assign, lead_owners=visible_user_ids(session, actor))
