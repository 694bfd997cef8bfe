"""Lead values for message templates. Names of stages and sources are cached per version of the clinic."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext
from app.leads.attribution.models import LeadSource
from app.leads.pipeline.models import PipelineStage


class DisplayNames(NamedTuple):
    """Names of a clinic's stages (by slug) and sources (by id)."""

    stages: Mapping[str, str]
    sources: Mapping[UUID, str]


@cache_per_version
def display_names(session: Session, clinic: ClinicContext) -> DisplayNames:
    """Load the names of the clinic's stages and sources."""
    stages = select(PipelineStage.slug, PipelineStage.name).where(PipelineStage.clinic_id == clinic.id)
    sources = select(LeadSource.id, LeadSource.name).where(LeadSource.clinic_id == clinic.id)
    return DisplayNames(
        {row.slug: row.name for row in session.execute(stages)}, {row.id: row.name for row in session.execute(sources)}
    )


class LeadForTemplates(Protocol):
    """The columns whose values templates can show."""

    @property
    def first_name(self) -> str: ...
    @property
    def last_name(self) -> str: ...
    @property
    def patient_first_name(self) -> str: ...
    @property
    def pipeline_stage(self) -> str: ...
    @property
    def source_id(self) -> UUID: ...
    @property
    def lead_value(self) -> Decimal | None: ...
    @property
    def custom(self) -> Mapping[str, object]: ...


def lead_template_values(lead: LeadForTemplates, names: DisplayNames) -> JsonDict:
    """Return the template values of a `Lead`, or of a row with these columns, for `message_values`."""
    return {
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "patient_first_name": lead.patient_first_name,
        "stage": names.stages.get(lead.pipeline_stage),
        "source": names.sources.get(lead.source_id),
        "value": lead.lead_value,
        "custom": lead.custom,
    }
