"""A clinic's own copies of the templates of its playbook, and what they say by now."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app import clock
from app.core.db import insert_many, new_id
from app.core.validation.mistakes import InvalidPlaybook, Mistake
from app.messaging.models import MessageTemplate, MessageTemplateVersion
from app.messaging.rendering.variants import Template, Variant
from app.messaging.templates.template_definitions import Text, as_written, check_text, variants_in

_ONLY_NEW = "ON CONFLICT (clinic_id, slug) DO NOTHING RETURNING id, slug"
CURRENT = and_(
    MessageTemplateVersion.template_id == MessageTemplate.id, MessageTemplateVersion.number == MessageTemplate.number
)


def install(session: Session, clinic_id: UUID, templates: Mapping[str, Text]) -> None:
    """Copy templates (by slug, as `written` reads them) to the clinic. Those it has already stay as they are.

    Raises InvalidPlaybook with every mistake and the path to it.
    """
    if mistakes := check_templates(templates):
        raise InvalidPlaybook(mistakes)
    added = insert_many(
        session, MessageTemplate, [_row(clinic_id, slug, text) for slug, text in templates.items()], tail=_ONLY_NEW
    )
    versions = [_first_version(clinic_id, row.id, templates[row.slug]) for row in added]
    insert_many(session, MessageTemplateVersion, versions)


def check_templates(templates: Mapping[str, Text]) -> list[Mistake]:
    """Every mistake of a playbook's templates; `place` reads like `templates.break-up-email.subject`."""
    return [
        Mistake(f"templates.{slug}.{mistake.place}", mistake.problem)
        for slug, text in templates.items()
        for mistake in check_text(text)
    ]


def templates_as_written(session: Session, clinic_id: UUID) -> dict[str, dict[str, Any]]:
    """All templates of the clinic as they are now, by slug, as a playbook would write them: for `install` elsewhere."""
    wanted = (
        select(MessageTemplate, MessageTemplateVersion.variants)
        .join(MessageTemplateVersion, CURRENT)
        .where(MessageTemplate.clinic_id == clinic_id)
        .order_by(MessageTemplate.slug)
    )
    return {
        template.slug: as_written(template.name, template.description, read_variants(variants))
        for template, variants in session.execute(wanted)
    }


def templates_of(
    session: Session, clinic_ids: Collection[UUID], slugs: Collection[str]
) -> dict[tuple[UUID, str], Template]:
    """The templates of these slugs of all these clinics as they are now, in one query, by clinic and slug."""
    wanted = (
        select(
            MessageTemplate.clinic_id,
            MessageTemplate.slug,
            MessageTemplateVersion.id,
            MessageTemplateVersion.variants,
        )
        .join(MessageTemplateVersion, CURRENT)
        .where(MessageTemplate.clinic_id.in_(clinic_ids), MessageTemplate.slug.in_(slugs))
    )
    return {(row.clinic_id, row.slug): Template(row.id, read_variants(row.variants)) for row in session.execute(wanted)}


def read_variants(kept: Iterable[Mapping[str, Any]]) -> tuple[Variant, ...]:
    """From a version's row."""
    return tuple(Variant.from_json(one) for one in kept)


def _row(clinic_id: UUID, slug: str, text: Text) -> dict[str, Any]:
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


def _first_version(clinic_id: UUID, template_id: UUID, text: Text) -> dict[str, Any]:
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "template_id": template_id,
        "number": 1,
        "variants": [variant.to_json() for variant in variants_in(text)],
        "created_at": clock.now(),
    }
