"""Routes of bulk follow-ups, and of background jobs."""

from uuid import UUID

from app.api.tasks.bulk_schemas import BulkIn, BulkPreviewOut, ItemOut, ItemQuery, JobOut
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.engine.jobs import service
from app.engine.jobs.models import Job
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.large_bodies import large_body
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.tasks.bulk.preview import BulkPreview, preview_job
from app.tasks.bulk.service import create_job, require_users

blp = Blueprint("jobs", __name__, url_prefix="/api", description="Bulk follow-ups and background jobs.")


@blp.post("/followups/bulk")
@allow(Permission.LEAD_UPDATE)
@large_body
@blp.arguments(BulkIn, lookups=require_users)
@blp.response(202, JobOut)
def follow_up_many(given: JsonDict) -> tuple[Job, dict[str, str]]:
    """Plan a follow-up for many leads.

    Returns a job at once, with its URL in `Location`; workers create the tasks. An item with an error fails alone: see
    `/api/jobs/{job_id}/items?status=failed`. The body may have up to 20 MB (MAX_IMPORT_BYTES).
    """
    with unit_of_work() as session:
        job = create_job(session, actor(), given)
    return job, {"Location": f"/api/jobs/{job.id}"}


@blp.post("/followups/bulk/preview")
@allow(Permission.LEAD_UPDATE)
@large_body
@blp.arguments(BulkIn, lookups=require_users)
@blp.response(200, BulkPreviewOut)
def preview_follow_up_of_many(given: JsonDict) -> BulkPreview:
    """Count the leads and tasks of a bulk follow-up.

    Writes nothing. Takes the body of `POST /api/followups/bulk`, and counts as that call would work on it now.
    """
    with reading() as session:
        return preview_job(session, actor(), given)


@blp.get("/jobs/<uuid:job_id>")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, JobOut)
def show_job(job_id: UUID) -> Job:
    """Show a job and its progress."""
    with reading() as session:
        return service.get_job(session, actor(), job_id)


@blp.get("/jobs/<uuid:job_id>/items")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(ItemQuery)
@blp.response(200, page_of(ItemOut))
def items_of_job(query: JsonDict, job_id: UUID) -> Page:
    """List a job's items.

    In the order given. The fields of new leads are not returned.
    """
    with reading() as session:
        return service.items_of(session, actor(), job_id, query)


@blp.post("/jobs/<uuid:job_id>/cancel")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, JobOut)
@blp.alt_response(409, "CONFLICT")
def cancel_job(job_id: UUID) -> Job:
    """Cancel a job.

    Items that have not started are cancelled; tasks already created stay. Idempotent.
    """
    with unit_of_work() as session:
        return service.cancel(session, actor(), job_id)


@blp.post("/jobs/<uuid:job_id>/retry-failed")
@allow(Permission.LEAD_UPDATE)
@blp.response(202, JobOut)
@blp.alt_response(409, "CONFLICT")
def retry_failed(job_id: UUID) -> tuple[Job, dict[str, str]]:
    """Retry the failed items of a job.

    All except repeated items. Items that fail again get a new error.
    """
    with unit_of_work() as session:
        job = service.retry_failed(session, actor(), job_id)
    return job, {"Location": f"/api/jobs/{job.id}"}
