"""Route of bulk enrollment."""

from uuid import UUID

from app.api.sequences.bulk_schemas import BulkEnrollIn
from app.api.tasks.bulk_schemas import JobOut
from app.automation.sequences.enrollments.bulk import check_pace, enroll_many
from app.core.type_aliases import JsonDict
from app.engine.jobs.models import Job
from app.http.access import actor, allow, unit_of_work
from app.http.blueprint import Blueprint
from app.http.large_bodies import large_body
from app.identity.permissions import Permission

blp = Blueprint("bulk-enrollments", __name__, url_prefix="/api/sequences", description="Bulk enrollment in sequences.")


@blp.post("/<uuid:sequence_id>/enrollments/bulk")
@allow(Permission.LEAD_UPDATE)
@large_body
@blp.arguments(BulkEnrollIn, lookups=check_pace)
@blp.response(202, JobOut)
def enroll_many_leads(given: JsonDict, sequence_id: UUID) -> tuple[Job, dict[str, str]]:
    """Enroll any number of leads in a sequence.

    Starts a job; `Location` names it. Workers enroll the leads at once, or over time with `per_hour`. A lead that
    cannot be enrolled fails alone; its reason is at `/api/jobs/{job_id}/items?status=failed`. Leads enrolled before the
    job is cancelled stay enrolled; the others are not enrolled. The body may have 20 MB (MAX_IMPORT_BYTES).
    """
    with unit_of_work() as session:
        job = enroll_many(session, actor(), sequence_id, given)
    return job, {"Location": f"/api/jobs/{job.id}"}
