"""Manage the clinic's message templates."""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Text, cast, exists, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.identity.passwords.links import LINK_TEMPLATES
from app.messaging.models import MessageTemplate, MessageTemplateVersion
from app.messaging.rendering.variants import Variant
from app.messaging.templates.variant_validation import validated_variants
from app.messaging.templates.versions import add_version, current_version, referenced_version, restore_version

_ACTIVE_RULES_USING = text("""
SELECT slug FROM rules WHERE clinic_id = :clinic AND active
  AND jsonb_path_exists(definition, '$.**.template ? (@ == $slug)', jsonb_build_object('slug', CAST(:slug AS text)))
ORDER BY slug
""")


class TemplateRecipient(StrEnum):
    """The kind of recipient that a template's texts suit."""

    LEAD = "lead"
    USER = "user"


# Only messages to users have values for `user.…`.
_NAMES_USER = exists().where(
    MessageTemplateVersion.template_id == MessageTemplate.id,
    MessageTemplateVersion.number == MessageTemplate.number,
    cast(MessageTemplateVersion.variants, Text).regexp_match(r"\{[{%][^{}]*\muser\."),
)


class TemplateSlugTaken(Conflict):
    """The clinic already has a message template with this slug."""


class TemplateInUse(Conflict):
    """Active rules use this template: change or end them first."""

    def __init__(self, rules: Sequence[str]) -> None:
        super().__init__(f"Active rules use this template: {', '.join(rules)}. Change or end them first.")
        self.rules = rules

    def members(self) -> JsonObject:
        """Return the slugs of these rules."""
        return {"rules": list(self.rules)}


def list_templates(session: Session, actor: Actor, query: JsonObject) -> Page:
    """Return the clinic's templates by slug; with `recipient`, those whose texts name the user, or the others."""
    templates = select(MessageTemplate).where(MessageTemplate.clinic_id == actor.clinic.id)
    if recipient := query.get("recipient"):
        templates = templates.where(_NAMES_USER if recipient == TemplateRecipient.USER else ~_NAMES_USER)
    return page(session, templates, [(MessageTemplate.slug, "asc")], query)


def get_template(session: Session, actor: Actor, template_id: UUID) -> JsonDict:
    """Return a template with its current texts and the rules that use it. Raises NotFound."""
    return to_response(session, find_template(session, actor, template_id))


def create_template(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Create a template with version 1; `data` as loaded by MessageTemplateIn.

    Raises Invalid, TemplateSlugTaken.
    """
    _require_free_slug(data["slug"])
    variants = validated_variants(session, actor.clinic, data["variants"])
    at = now()
    given = {"slug": data["slug"], "name": data["name"], "description": data.get("description")}
    defaults = {"created_at": at, "created_by": actor.user_id, "updated_at": at, "version": 1, "number": 1}
    template = MessageTemplate(id=new_id(), clinic_id=actor.clinic.id, **given, **defaults)
    session.add(template)
    _flush(session)
    add_version(session, actor, template, variants, number=1)
    return to_response(session, template)


def update_template(
    session: Session, actor: Actor, template_id: UUID, data: JsonObject, *, seen: SeenVersions
) -> JsonDict:
    """Change a template; `data` as loaded by TemplateChange. Different texts make a new version.

    Raises NotFound, ChangedMeanwhile, Invalid.
    """
    template = find_template(session, actor, template_id, lock=True)
    require_version(template, seen)
    for name in data.keys() & {"name", "description"}:
        setattr(template, name, data[name])
    if "variants" in data:
        _change_texts(session, actor, template, data["variants"])
    template.updated_at = now()
    template.version += 1
    return to_response(session, template)


def delete_template(session: Session, actor: Actor, template_id: UUID, *, seen: SeenVersions) -> None:
    """Delete a template and its versions. Messages made from it stay.

    Raises NotFound, ChangedMeanwhile, TemplateInUse.
    """
    bump_rules_version(
        session, actor.clinic.id
    )  # locks the clinic's row, so no rule starts to use the template meanwhile
    template = find_template(session, actor, template_id, lock=True)
    require_version(template, seen)
    if rules := active_rules_using(session, template):
        raise TemplateInUse(rules)
    session.delete(template)


def roll_back(session: Session, actor: Actor, template_id: UUID, version_id: UUID) -> JsonDict:
    """Use the texts of an earlier version again. Raises NotFound, Invalid, IsUsedAlready."""
    template = find_template(session, actor, template_id, lock=True)
    restore_version(session, actor, template, version_id)
    return to_response(session, template)


def current_texts(session: Session, actor: Actor, template_id: UUID) -> Sequence[Variant]:
    """Return the current texts of a template. Raises NotFound."""
    return current_version(session, find_template(session, actor, template_id)).texts


def check_new(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the slug and the merge fields of the texts. Raises Invalid with every error."""
    check_all(lambda: _require_free_slug(data["slug"]), lambda: check_texts(session, actor, data))


def check_texts(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the merge fields of the texts, if there are some. Raises Invalid with every error."""
    validated_variants(session, actor.clinic, data.get("variants") or ())


def check_rollback(session: Session, actor: Actor, data: JsonObject, /, *, message_template_id: UUID) -> None:
    """Check the version. Raises Invalid, and NotFound without the template."""
    referenced_version(session, find_template(session, actor, message_template_id), data["version_id"], "/version_id")


def _require_free_slug(slug: str) -> None:
    if slug in LINK_TEMPLATES:
        raise Invalid.at("/slug", "This slug is reserved for e-mails with a password link. Choose another one.")


def find_template(session: Session, actor: Actor, template_id: UUID, *, lock: bool = False) -> MessageTemplate:
    """Return the clinic's template, locked if `lock`. Raises NotFound."""
    known = select(MessageTemplate).where(
        MessageTemplate.id == template_id, MessageTemplate.clinic_id == actor.clinic.id
    )
    template = session.scalars(known.with_for_update() if lock else known).one_or_none()
    if template is None:
        raise NotFound
    return template


def to_response(session: Session, template: MessageTemplate) -> JsonDict:
    """Return the template for MessageTemplateDetailOut."""
    version = current_version(session, template)
    return {
        **{column.name: getattr(template, column.name) for column in MessageTemplate.__table__.columns},
        "version_id": version.id,
        "variants": version.variants_json,
        "rules": active_rules_using(session, template),
    }


def active_rules_using(session: Session, template: MessageTemplate) -> Sequence[str]:
    """Return the slugs of the active rules that use the template."""
    return session.scalars(_ACTIVE_RULES_USING, {"clinic": template.clinic_id, "slug": template.slug}).all()


def _change_texts(session: Session, actor: Actor, template: MessageTemplate, given: Sequence[JsonObject]) -> None:
    variants = validated_variants(session, actor.clinic, given)
    if {*variants} != {*current_version(session, template).texts}:
        add_version(session, actor, template, variants, number=template.number + 1)


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise TemplateSlugTaken from None
