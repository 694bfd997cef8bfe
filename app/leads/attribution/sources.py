"""Lead sources: list, create, update."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.leads.attribution.costs import save_cost
from app.leads.attribution.models import LeadSource, SourceCategory


class SourceNameTaken(Conflict):
    """The clinic already has a source with this name."""


def default_sources() -> list[tuple[str, SourceCategory]]:
    """Return one (name, category) for each standard category (lead-management.md, 8.1.2)."""
    return [
        ("Doctor referral", SourceCategory.DOCTOR_REFERRAL),
        ("Patient referral", SourceCategory.PATIENT_REFERRAL),
        ("Web search", SourceCategory.WEB_ORGANIC),
        ("Web advertising", SourceCategory.WEB_PAID),
        ("Social media", SourceCategory.WEB_SOCIAL),
        ("Print advertising", SourceCategory.PRINT_AD),
        ("Community event", SourceCategory.COMMUNITY_EVENT),
        ("School screening", SourceCategory.SCHOOL_SCREENING),
        ("Walk-in", SourceCategory.WALK_IN),
        ("Other", SourceCategory.OTHER),
    ]


def install_defaults(session: Session, clinic_id: UUID) -> None:
    """Create the default sources of a new clinic."""
    session.add_all(_new(clinic_id, {"name": name, "category": category}) for name, category in default_sources())


def list_sources(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """List the clinic's sources by name; `query` holds the fields of SourceQuery."""
    statement = select(LeadSource).where(LeadSource.clinic_id == clinic_id)
    for name in query.keys() & {"is_active", "category"}:
        statement = statement.where(getattr(LeadSource, name) == query[name])
    return page(session, statement, [(LeadSource.name, "asc")], query)


def read_source(session: Session, clinic_id: UUID, source_id: UUID) -> LeadSource:
    """Return one source of the clinic. Raises NotFound."""
    return _find(session, clinic_id, source_id)


def create_source(session: Session, clinic_id: UUID, data: JsonObject) -> LeadSource:
    """Create a source from the fields of SourceIn. Raises SourceNameTaken."""
    bump_rules_version(session, clinic_id)  # messages cache source names
    _require_free_name(session, clinic_id, data["name"])
    source = _new(clinic_id, data)
    session.add(source)
    _flush(session)
    if source.monthly_cost is not None:
        save_cost(session, source)
    return source


def update_source(
    session: Session, clinic_id: UUID, source_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> LeadSource:
    """Replace all values of a source. Raises NotFound, ChangedMeanwhile, SourceNameTaken."""
    bump_rules_version(session, clinic_id)
    source = _find(session, clinic_id, source_id, lock=True)
    require_version(source, seen)
    if data.get("name", source.name) != source.name:
        _require_free_name(session, clinic_id, data["name"], besides=source.id)
    cost = source.monthly_cost
    for name, value in data.items():
        setattr(source, name, value)
    source.updated_at = now()
    source.version += 1
    _flush(session)
    if source.monthly_cost != cost:
        save_cost(session, source)
    return source


def _require_free_name(session: Session, clinic_id: UUID, name: str, *, besides: UUID | None = None) -> None:
    """Check that no other source has this name, in any case: web forms and imports find a source by its name.

    `bump_rules_version` has locked the clinic's row, so two callers cannot take a name at once. Raises SourceNameTaken.
    """
    others = select(LeadSource.name).where(LeadSource.clinic_id == clinic_id, LeadSource.id.is_distinct_from(besides))
    if taken := [other for other in session.scalars(others) if other.casefold() == name.casefold()]:
        raise SourceNameTaken(f"The clinic already has a source named {taken[0]!r}. Case makes no difference.")


def _find(session: Session, clinic_id: UUID, source_id: UUID, *, lock: bool = False) -> LeadSource:
    of_clinic = select(LeadSource).where(LeadSource.id == source_id, LeadSource.clinic_id == clinic_id)
    source = session.scalars(of_clinic.with_for_update(key_share=True) if lock else of_clinic).one_or_none()
    if source is None:
        raise NotFound
    return source


def _new(clinic_id: UUID, data: JsonObject) -> LeadSource:
    at = now()
    return LeadSource(**{"is_active": True, **data}, id=new_id(), clinic_id=clinic_id, created_at=at, updated_at=at)


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as clash:
        raise SourceNameTaken from clash


def require_named_source(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the source in `source_id`, if there is one, as `require_source` does. Raises Invalid."""
    if "source_id" in data:
        require_source(session, actor.clinic.id, data["source_id"])


def require_source(session: Session, clinic_id: UUID, source_id: UUID) -> None:
    """Check that the id is an active source of the clinic. Raises Invalid."""
    source = select(LeadSource.id).where(
        LeadSource.id == source_id, LeadSource.clinic_id == clinic_id, LeadSource.is_active
    )
    if session.scalar(source) is None:
        raise Invalid.at("/source_id", "Must be an active source of your clinic.")
