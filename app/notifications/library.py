"""A clinic's own copies of the templates of its playbook, and what they say by now."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app import clock
from app.automation.mistakes import InvalidPlaybook, Mistake
from app.db import insert_many, new_id
from app.notifications.models import MessageTemplate, MessageTemplateVersion
from app.notifications.templates import check_template
from app.notifications.variants import Template, Variant

_ONLY_NEW = "ON CONFLICT (clinic_id, slug) DO NOTHING RETURNING id, slug"
CURRENT = and_(
    MessageTemplateVersion.template_id == MessageTemplate.id, MessageTemplateVersion.number == MessageTemplate.number
)


def install(session: Session, clinic_id: UUID, templates: Mapping[str, Mapping[str, str]]) -> None:
    """Copy templates (slug → subject and body) to the clinic. Those it has already stay as they are.

    Raises InvalidPlaybook with every mistake and the path to it.
    """
    if mistakes := check_templates(templates):
        raise InvalidPlaybook(mistakes)
    added = insert_many(session, MessageTemplate, [_row(clinic_id, slug) for slug in templates], tail=_ONLY_NEW)
    versions = [_first_version(clinic_id, row.id, templates[row.slug]) for row in added]
    insert_many(session, MessageTemplateVersion, versions)


def check_templates(templates: Mapping[str, Mapping[str, str]]) -> list[Mistake]:
    """Every mistake of a playbook's templates; `place` reads like `templates.break-up-email.subject`."""
    return [
        Mistake(f"templates.{slug}.{mistake.place}", mistake.problem)
        for slug, text in templates.items()
        for mistake in [*_unknown_keys(text), *check_template(text.get("subject", ""), text.get("body", ""))]
    ]


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


def _row(clinic_id: UUID, slug: str) -> dict[str, Any]:
    at = clock.now()
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "slug": slug,
        "name": slug.replace("-", " ").capitalize(),
        "number": 1,
        "created_at": at,
        "updated_at": at,
        "version": 1,
    }


def _first_version(clinic_id: UUID, template_id: UUID, text: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "template_id": template_id,
        "number": 1,
        "variants": [Variant(None, None, text["subject"], text["body"]).to_json()],
        "created_at": clock.now(),
    }


def _unknown_keys(text: Mapping[str, str]) -> list[Mistake]:
    unknown = sorted(text.keys() - {"subject", "body"})
    return [Mistake(key, "is not known; a template has subject and body") for key in unknown]
