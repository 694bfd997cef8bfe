"""Lead values for message templates. Names of stages and sources are cached per version of the clinic."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext
from app.leads.attribution.models import LeadSource
from app.leads.fields import IN_TEMPLATES
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


_NAMES: Final = tuple(field.name for field in IN_TEMPLATES.values())
_values_of: Final = attrgetter(*_NAMES)
# The plain columns whose values templates can show. Encrypted fields are read on use: see `LazyContact`.
TEMPLATE_COLUMNS: Final = (
    *(field.name for field in IN_TEMPLATES.values() if not field.is_encrypted),
    *("pipeline_stage", "source_id", "custom"),
)


class LeadForTemplates(Protocol):
    """A lead with the fields that are declared for templates, and with these."""

    @property
    def first_name(self) -> str: ...
    @property
    def last_name(self) -> str: ...
    @property
    def pipeline_stage(self) -> str: ...
    @property
    def source_id(self) -> UUID: ...
    @property
    def custom(self) -> Mapping[str, object]: ...


def lead_template_values(lead: LeadForTemplates, names: DisplayNames) -> JsonDict:
    """Return the template values of a `Lead`, or of a row with these columns, for `message_values`, by column."""
    return {
        **dict(zip(_NAMES, _values_of(lead), strict=True)),
        "stage": names.stages.get(lead.pipeline_stage),
        "source": names.sources.get(lead.source_id),
        "custom": lead.custom,
    }
