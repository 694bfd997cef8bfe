"""What texts may say of a lead. Its stage and its source are told by their names, read once for each version."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.version_cache import once_for_each_version
from app.identity.clinic_context import ClinicContext
from app.leads.attribution.models import LeadSource
from app.leads.pipeline.models import PipelineStage


class Names(NamedTuple):
    """How a clinic calls its stages, by slug, and its sources."""

    stages: Mapping[str, str]
    sources: Mapping[UUID, str]


@once_for_each_version
def names_of(session: Session, clinic: ClinicContext) -> Names:
    """As the clinic calls them now."""
    stages = select(PipelineStage.slug, PipelineStage.name).where(PipelineStage.clinic_id == clinic.id)
    sources = select(LeadSource.id, LeadSource.name).where(LeadSource.clinic_id == clinic.id)
    return Names(
        {row.slug: row.name for row in session.execute(stages)}, {row.id: row.name for row in session.execute(sources)}
    )


def said_of(lead: Any, names: Names) -> dict[str, Any]:
    """For `message_values`: of a `Lead`, or of a row with these columns."""
    return {
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "patient_first_name": lead.patient_first_name,
        "stage": names.stages.get(lead.pipeline_stage),
        "source": names.sources.get(lead.source_id),
        "value": lead.lead_value,
        "custom": lead.custom,
    }
