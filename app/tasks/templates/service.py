"""The clinic's task templates. Every function takes the session first, and leaves the commit to its caller."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import Seen, require_seen
from app.core.pagination import Page, page
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.identity.actor import Actor
from app.leads.custom_fields.values import definitions_of
from app.leads.pipeline.models import PipelineStage
from app.tasks.templates.models import TaskTemplate
from app.tasks.templates.rendering import Words, mistakes_of


class TemplateNameTaken(Conflict):
    """The clinic has a task template of this name."""


def list_templates(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The clinic's templates by name, all or those of a stage."""
    templates = select(TaskTemplate).where(TaskTemplate.clinic_id == actor.clinic.id)
    if "stage" in query:
        templates = templates.where(TaskTemplate.stage == query["stage"])
    return page(session, templates, [(TaskTemplate.name, "asc")], query)


def create_template(session: Session, actor: Actor, data: Mapping[str, Any]) -> TaskTemplate:
    """A new template of what `TemplateIn` read. Raises Invalid, TemplateNameTaken."""
    _require_known(session, actor, data)
    at = now()
    template = TaskTemplate(
        id=new_id(),
        clinic_id=actor.clinic.id,
        created_at=at,
        created_by=actor.user_id,
        updated_at=at,
        version=1,
        **data,
    )
    session.add(template)
    _flush(session)
    return template


def update_template(
    session: Session, actor: Actor, template_id: UUID, data: Mapping[str, Any], *, seen: Seen
) -> TaskTemplate:
    """Give a template these values, all of them. What was planned from it stays as it is.

    Raises NotFound, ChangedMeanwhile, Invalid, TemplateNameTaken.
    """
    template = find(session, actor, template_id, lock=True)
    require_seen(template, seen)
    _require_known(session, actor, data)
    for name, value in data.items():
        setattr(template, name, value)
    template.updated_at = now()
    template.version += 1
    _flush(session)
    return template


def delete_template(session: Session, actor: Actor, template_id: UUID, *, seen: Seen) -> None:
    """Forget a template; what was planned from it stays. Raises NotFound, ChangedMeanwhile."""
    template = find(session, actor, template_id, lock=True)
    require_seen(template, seen)
    session.delete(template)


def find(session: Session, actor: Actor, template_id: UUID, *, lock: bool = False) -> TaskTemplate:
    """The clinic's template, locked when it is going to change. Raises NotFound."""
    known = select(TaskTemplate).where(TaskTemplate.id == template_id, TaskTemplate.clinic_id == actor.clinic.id)
    template = session.scalars(known.with_for_update() if lock else known).one_or_none()
    if template is None:
        raise NotFound
    return template


def _require_known(session: Session, actor: Actor, data: Mapping[str, Any]) -> None:
    """What only the clinic knows: its own fields, and its stages. Raises Invalid."""
    words = Words(data["title"], data["description"])
    if mistakes := mistakes_of(words, own=frozenset(definitions_of(session, actor.clinic))):
        raise Invalid(*(FieldError(f"/{name}", problem) for name, problem in mistakes.items()))
    _require_stage(session, actor, data["stage"])


def _require_stage(session: Session, actor: Actor, slug: str | None) -> None:
    stage = select(PipelineStage.id).where(
        PipelineStage.clinic_id == actor.clinic.id, PipelineStage.slug == slug, ~PipelineStage.is_terminal
    )
    if slug is not None and session.scalar(stage) is None:
        raise Invalid.at("/stage", "Not a stage of your clinic in which a lead can be worked on.")


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise TemplateNameTaken from None
