"""A clinic's template library: install templates from a playbook, load and export them."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app import clock
from app.core.db import insert_many, new_id
from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.core.validation.validation_errors import InvalidPlaybook, Mistake
from app.messaging.models import MessageTemplate, MessageTemplateVersion
from app.messaging.rendering.variants import Template, Variant
from app.messaging.templates.template_definitions import (
    TemplateDefinition,
    check_definition,
    to_definition,
    variants_of_definition,
)

_ONLY_NEW = "ON CONFLICT (clinic_id, slug) DO NOTHING RETURNING id, slug"
IS_CURRENT_VERSION = and_(
    MessageTemplateVersion.template_id == MessageTemplate.id, MessageTemplateVersion.number == MessageTemplate.number
)


def install(session: Session, clinic_id: UUID, templates: Mapping[str, TemplateDefinition]) -> None:
    """Copy templates to the clinic; `templates` holds definitions (see `template_definitions`) by slug.

    Existing templates with these slugs stay unchanged. Raises InvalidPlaybook with every mistake and its path.
    """
    if mistakes := check_templates(templates):
        raise InvalidPlaybook(mistakes)
    added = insert_many(
        session,
        MessageTemplate,
        [_template_row(clinic_id, slug, text) for slug, text in templates.items()],
        tail=_ONLY_NEW,
    )
    versions = [_first_version(clinic_id, row.id, templates[row.slug]) for row in added]
    insert_many(session, MessageTemplateVersion, versions)


def check_templates(templates: Mapping[str, TemplateDefinition]) -> list[Mistake]:
    """Return every mistake of a playbook's templates, with a place such as `templates.break-up-email.subject`."""
    return [
        Mistake(f"templates.{slug}.{mistake.place}", mistake.problem)
        for slug, text in templates.items()
        for mistake in check_definition(text)
    ]


def export_templates(session: Session, clinic_id: UUID) -> dict[str, JsonDict]:
    """Return the clinic's current templates by slug, in the format of playbooks, for `install` in another clinic."""
    statement = (
        select(MessageTemplate, MessageTemplateVersion.variants)
        .join(MessageTemplateVersion, IS_CURRENT_VERSION)
        .where(MessageTemplate.clinic_id == clinic_id)
        .order_by(MessageTemplate.slug)
    )
    return {
        template.slug: to_definition(template.name, template.description, parse_variants(variants))
        for template, variants in session.execute(statement)
    }


def load_templates(
    session: Session, clinic_ids: Collection[UUID], slugs: Collection[str]
) -> dict[tuple[UUID, str], Template]:
    """Return the current templates with these slugs by clinic id and slug, for all these clinics, in one query."""
    statement = (
        select(
            MessageTemplate.clinic_id,
            MessageTemplate.slug,
            MessageTemplateVersion.id,
            MessageTemplateVersion.variants,
        )
        .join(MessageTemplateVersion, IS_CURRENT_VERSION)
        .where(MessageTemplate.clinic_id.in_(clinic_ids), MessageTemplate.slug.in_(slugs))
    )
    return {
        (row.clinic_id, row.slug): Template(row.id, parse_variants(row.variants)) for row in session.execute(statement)
    }


def load_all_templates(session: Session, clinic_id: UUID) -> dict[str, Template]:
    """Return the clinic's current templates by slug."""
    slugs = session.scalars(select(MessageTemplate.slug).where(MessageTemplate.clinic_id == clinic_id)).all()
    return {slug: template for (_, slug), template in load_templates(session, [clinic_id], slugs).items()}


def parse_variants(stored: Iterable[JsonObject]) -> tuple[Variant, ...]:
    """Return the variants from the JSON of a version's row."""
    return tuple(Variant.from_json(one) for one in stored)


def _template_row(clinic_id: UUID, slug: str, text: TemplateDefinition) -> ColumnDict:
    at = clock.now()
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "slug": slug,
        "name": text.get("name") or slug.replace("-", " ").capitalize(),
        "description": text.get("description"),
        "number": 1,
        "created_at": at,
        "updated_at": at,
        "version": 1,
    }


def _first_version(clinic_id: UUID, template_id: UUID, text: TemplateDefinition) -> JsonDict:
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "template_id": template_id,
        "number": 1,
        "variants": [variant.to_json() for variant in variants_of_definition(text)],
        "created_at": clock.now(),
    }
