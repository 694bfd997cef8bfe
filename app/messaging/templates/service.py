"""The clinic's message templates. Every function takes the session first, and leaves the commit to its caller."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import Seen, require_seen
from app.core.pagination import Page, page
from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import count_up
from app.identity.passwords.links import CARRIERS
from app.messaging.models import MessageTemplate
from app.messaging.rendering.variants import Variant
from app.messaging.templates.texts import variants_of
from app.messaging.templates.versions import add_version, current_version, use_again

_SPEAKING_OF = text("""
SELECT slug FROM rules WHERE clinic_id = :clinic AND active
  AND jsonb_path_exists(definition, '$.**.template ? (@ == $slug)', jsonb_build_object('slug', CAST(:slug AS text)))
ORDER BY slug
""")


class TemplateSlugTaken(Conflict):
    """The clinic has a message template of this slug."""


class TemplateInUse(Conflict):
    """Active rules speak of this template: change or end those first."""

    def __init__(self, rules: Sequence[str]) -> None:
        super().__init__(f"Active rules speak of this template: {', '.join(rules)}. Change or end those first.")
        self.rules = rules

    def members(self) -> Mapping[str, Any]:
        """Which."""
        return {"rules": list(self.rules)}


def list_templates(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The clinic's templates by slug."""
    templates = select(MessageTemplate).where(MessageTemplate.clinic_id == actor.clinic.id)
    return page(session, templates, [(MessageTemplate.slug, "asc")], query)


def get_template(session: Session, actor: Actor, template_id: UUID) -> dict[str, Any]:
    """A template with its present texts, and who speaks of it. Raises NotFound."""
    return shown(session, find(session, actor, template_id))


def create_template(session: Session, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    """A new template of what `MessageTemplateIn` read. Raises Invalid, TemplateSlugTaken."""
    if data["slug"] in CARRIERS:
        raise Invalid.at("/slug", "Messages of this name carry links to choose a password: take another.")
    variants = variants_of(session, actor.clinic, data["variants"])
    at = now()
    described = {"slug": data["slug"], "name": data["name"], "description": data.get("description")}
    made = {"created_at": at, "created_by": actor.user_id, "updated_at": at, "version": 1, "number": 1}
    template = MessageTemplate(id=new_id(), clinic_id=actor.clinic.id, **described, **made)
    session.add(template)
    _flush(session)
    add_version(session, actor, template, variants, number=1)
    return shown(session, template)


def update_template(
    session: Session, actor: Actor, template_id: UUID, data: Mapping[str, Any], *, seen: Seen
) -> dict[str, Any]:
    """Change what `TemplateChange` read. Texts that are different make a new version.

    Raises NotFound, ChangedMeanwhile, Invalid.
    """
    template = find(session, actor, template_id, lock=True)
    require_seen(template, seen)
    for name in data.keys() & {"name", "description"}:
        setattr(template, name, data[name])
    if "variants" in data:
        _change_texts(session, actor, template, data["variants"])
    template.updated_at = now()
    template.version += 1
    return shown(session, template)


def delete_template(session: Session, actor: Actor, template_id: UUID, *, seen: Seen) -> None:
    """Forget a template and its versions; messages that were made from it stay.

    Raises NotFound, ChangedMeanwhile, TemplateInUse.
    """
    count_up(session, actor.clinic.id)  # holds the clinic's row: no rule begins to speak of it meanwhile
    template = find(session, actor, template_id, lock=True)
    require_seen(template, seen)
    if rules := speaking_of(session, template):
        raise TemplateInUse(rules)
    session.delete(template)


def roll_back(session: Session, actor: Actor, template_id: UUID, version_id: UUID) -> dict[str, Any]:
    """Use the texts of an earlier version again. Raises NotFound, Invalid, IsUsedAlready."""
    template = find(session, actor, template_id, lock=True)
    use_again(session, actor, template, version_id)
    return shown(session, template)


def texts_of(session: Session, actor: Actor, template_id: UUID) -> Sequence[Variant]:
    """The present texts of a template. Raises NotFound."""
    return current_version(session, find(session, actor, template_id)).texts


def find(session: Session, actor: Actor, template_id: UUID, *, lock: bool = False) -> MessageTemplate:
    """The clinic's template, locked when it is going to change. Raises NotFound."""
    known = select(MessageTemplate).where(
        MessageTemplate.id == template_id, MessageTemplate.clinic_id == actor.clinic.id
    )
    template = session.scalars(known.with_for_update() if lock else known).one_or_none()
    if template is None:
        raise NotFound
    return template


def shown(session: Session, template: MessageTemplate) -> dict[str, Any]:
    """As `MessageTemplateDetailOut` shows it."""
    version = current_version(session, template)
    return {
        **{column.name: getattr(template, column.name) for column in MessageTemplate.__table__.columns},
        "version_id": version.id,
        "variants": version.shown,
        "rules": speaking_of(session, template),
    }


def speaking_of(session: Session, template: MessageTemplate) -> Sequence[str]:
    """The slugs of the active rules that speak of the template."""
    return session.scalars(_SPEAKING_OF, {"clinic": template.clinic_id, "slug": template.slug}).all()


def _change_texts(
    session: Session, actor: Actor, template: MessageTemplate, given: Sequence[Mapping[str, Any]]
) -> None:
    variants = variants_of(session, actor.clinic, given)
    if {*variants} != {*current_version(session, template).texts}:
        add_version(session, actor, template, variants, number=template.number + 1)


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise TemplateSlugTaken from None
