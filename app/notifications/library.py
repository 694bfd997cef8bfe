"""A clinic's own copies of the templates of its playbook."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.automation.mistakes import InvalidPlaybook, Mistake
from app.db import insert_many, new_id
from app.notifications.models import MessageTemplate
from app.notifications.templates import Wording, check_template


def install(session: Session, clinic_id: UUID, templates: Mapping[str, Mapping[str, str]]) -> None:
    """Copy templates (slug → subject and body) to the clinic. Those it has already stay as they are.

    Raises InvalidPlaybook with every mistake and the path to it.
    """
    if mistakes := check_templates(templates):
        raise InvalidPlaybook(mistakes)
    rows = [
        {
            "id": new_id(),
            "clinic_id": clinic_id,
            "slug": slug,
            "subject": text["subject"],
            "body": text["body"],
            "created_at": clock.now(),
        }
        for slug, text in templates.items()
    ]
    insert_many(session, MessageTemplate, rows, tail="ON CONFLICT (clinic_id, slug) DO NOTHING")


def check_templates(templates: Mapping[str, Mapping[str, str]]) -> list[Mistake]:
    """Every mistake of a playbook's templates; `place` reads like `templates.break-up-email.subject`."""
    return [
        Mistake(f"templates.{slug}.{mistake.place}", mistake.problem)
        for slug, text in templates.items()
        for mistake in [*_unknown_keys(text), *check_template(text.get("subject", ""), text.get("body", ""))]
    ]


def templates_of(
    session: Session, clinic_ids: Collection[UUID], slugs: Collection[str]
) -> dict[tuple[UUID, str], Wording]:
    """The templates of these slugs of all these clinics, in one query, by clinic and slug."""
    rows = session.execute(
        select(MessageTemplate.clinic_id, MessageTemplate.slug, MessageTemplate.subject, MessageTemplate.body).where(
            MessageTemplate.clinic_id.in_(clinic_ids), MessageTemplate.slug.in_(slugs)
        )
    )
    return {(row.clinic_id, row.slug): Wording(row.subject, row.body) for row in rows}


def _unknown_keys(text: Mapping[str, str]) -> list[Mistake]:
    unknown = sorted(text.keys() - {"subject", "body"})
    return [Mistake(key, "is not known; a template has subject and body") for key in unknown]
