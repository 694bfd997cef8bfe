"""Routes of enrollments: enroll, list, pause, resume, exit, skip."""

from uuid import UUID

from app.api.sequences.schemas import EnrollIn, EnrollmentDetailOut, EnrollmentOut, EnrollmentQuery, EnrollOut
from app.automation.sequences.enrollments import service
from app.automation.sequences.enrollments.enroll import EnrollmentResult
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission

blp = Blueprint("enrollments", __name__, url_prefix="/api", description="Enrollments of leads in sequences.")


@blp.post("/sequences/<uuid:sequence_id>/enrollments")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(EnrollIn)
@blp.response(207, EnrollOut)
def enroll_leads(given: JsonDict, sequence_id: UUID) -> JsonDict:
    """Enroll up to 500 leads in a sequence.

    A lead that cannot be enrolled has the reason as its result and does not affect the others.
    """
    with unit_of_work() as session:
        results = service.enroll_by_hand(session, actor(), sequence_id, given["lead_ids"], about=given.get("about"))
    return {"enrolled": sum(one["result"] is EnrollmentResult.ENROLLED for one in results), "results": results}


@blp.get("/sequences/<uuid:sequence_id>/enrollments")
@allow(Permission.LEAD_READ)
@blp.arguments(EnrollmentQuery)
@blp.response(200, page_of(EnrollmentOut))
def list_enrollments(query: JsonDict, sequence_id: UUID) -> Page:
    """List the enrollments of a sequence, current and past.

    The newest first.
    """
    with reading() as session:
        return service.list_enrollments(session, actor(), sequence_id, query)


@blp.get("/leads/<uuid:lead_id>/enrollments")
@allow(Permission.LEAD_READ)
@blp.arguments(EnrollmentQuery)
@blp.response(200, page_of(EnrollmentOut))
def list_enrollments_of_lead(query: JsonDict, lead_id: UUID) -> Page:
    """List the enrollments of a lead, current and past.

    The newest first.
    """
    with reading() as session:
        return service.list_enrollments_of_lead(session, actor(), lead_id, query)


@blp.get("/enrollments/<uuid:enrollment_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, EnrollmentDetailOut)
def get_enrollment(enrollment_id: UUID) -> JsonDict:
    """Show an enrollment and its finished steps."""
    with reading() as session:
        return service.get_enrollment(session, actor(), enrollment_id)


@blp.post("/enrollments/<uuid:enrollment_id>/pause")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, EnrollmentDetailOut)
@blp.alt_response(409, "CONFLICT")
def pause_enrollment(enrollment_id: UUID) -> JsonDict:
    """Pause an enrollment.

    The remaining wait before the next step is kept. A second call changes nothing.
    """
    with unit_of_work() as session:
        return service.pause_enrollment(session, actor(), enrollment_id)


@blp.post("/enrollments/<uuid:enrollment_id>/resume")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, EnrollmentDetailOut)
@blp.alt_response(409, "CONFLICT")
def resume_enrollment(enrollment_id: UUID) -> JsonDict:
    """Resume a paused enrollment.

    The remaining wait counts from now. A second call changes nothing.
    """
    with unit_of_work() as session:
        return service.resume_enrollment(session, actor(), enrollment_id)


@blp.post("/enrollments/<uuid:enrollment_id>/exit")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, EnrollmentDetailOut)
@blp.alt_response(409, "CONFLICT")
def exit_enrollment(enrollment_id: UUID) -> JsonDict:
    """End an enrollment."""
    with unit_of_work() as session:
        return service.exit_enrollment(session, actor(), enrollment_id)


@blp.post("/enrollments/<uuid:enrollment_id>/skip")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, EnrollmentDetailOut)
@blp.alt_response(409, "CONFLICT")
def skip_step(enrollment_id: UUID) -> JsonDict:
    """Skip the current step of an enrollment.

    Also a step that failed, or that waits for its task. The next step is planned from now.
    """
    with unit_of_work() as session:
        return service.skip_current_step(session, actor(), enrollment_id)
