"""Versions of a template's texts. A version never changes; the newest one is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.json_diff import Difference, json_diff
from app.core.pagination import Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.messaging.models import MessageTemplate, MessageTemplateVersion
from app.messaging.rendering.variants import Variant
from app.messaging.templates.library import parse_variants


class IsUsedAlready(Conflict):
    """These texts are already in use."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version's row and its texts."""

    row: MessageTemplateVersion
    texts: tuple[Variant, ...]

    @property
    def id(self) -> UUID:
        return self.row.id

    @property
    def variants_json(self) -> list[JsonDict]:
        """The texts for MessageVariantOut."""
        return [{**text.to_json(), "name": text.name} for text in self.texts]


def add_version(
    session: Session,
    actor: Actor,
    template: MessageTemplate,
    variants: Sequence[Variant],
    *,
    number: int,
    repeats: int | None = None,
) -> None:
    """Add a version with these texts and make it the current one. The template is locked or new."""
    template.number = number
    session.add(
        MessageTemplateVersion(
            id=new_id(),
            clinic_id=template.clinic_id,
            template_id=template.id,
            number=number,
            variants=[variant.to_json() for variant in variants],
            repeats=repeats,
            created_at=now(),
            created_by=actor.user_id,
        )
    )
    session.flush()


def current_version(session: Session, template: MessageTemplate) -> Version:
    """Return the current version."""
    return _load_version(session, template, MessageTemplateVersion.number == template.number)


def list_versions(session: Session, template: MessageTemplate, query: JsonObject) -> Page:
    """Return the template's versions, newest first."""
    versions = select(MessageTemplateVersion).where(MessageTemplateVersion.template_id == template.id)
    return page(session, versions, [(MessageTemplateVersion.number, "desc")], query)


def get_version(session: Session, template: MessageTemplate, version_id: UUID) -> Version:
    """Return one of the template's versions. Raises NotFound."""
    return _load_version(session, template, MessageTemplateVersion.id == version_id)


def version_detail(session: Session, template: MessageTemplate, version_id: UUID) -> JsonDict:
    """Return the version for TemplateVersionDetailOut. Raises NotFound."""
    version = get_version(session, template, version_id)
    columns = {column.name: getattr(version.row, column.name) for column in MessageTemplateVersion.__table__.columns}
    return {**columns, "variants": version.variants_json}


def diff(
    session: Session, template: MessageTemplate, version_id: UUID, *, since: UUID | None = None
) -> list[Difference]:
    """Return the differences between a version and an earlier one; `since` None means the version before it.

    Raises NotFound, Invalid (`since` is not a version of this template).
    """
    after = get_version(session, template, version_id)
    return list(json_diff(_earlier_texts(session, template, after, since), _by_name(after)))


def restore_version(session: Session, actor: Actor, template: MessageTemplate, version_id: UUID) -> None:
    """Use the texts of an earlier version again, as a new version. Raises Invalid, IsUsedAlready."""
    earlier = referenced_version(session, template, version_id, "/version_id")
    if {*earlier.texts} == {*current_version(session, template).texts}:
        raise IsUsedAlready
    add_version(session, actor, template, earlier.texts, number=template.number + 1, repeats=earlier.row.number)
    template.updated_at = now()
    template.version += 1


def _earlier_texts(session: Session, template: MessageTemplate, after: Version, since: UUID | None) -> JsonDict:
    if since is not None:
        return _by_name(referenced_version(session, template, since, "/from"))
    if after.row.number == 1:
        return {}
    return _by_name(_load_version(session, template, MessageTemplateVersion.number == after.row.number - 1))


def _by_name(version: Version) -> JsonDict:
    texts = {text.name: text.to_json() for text in version.texts}
    return {name: {part: text[part] for part in _parts(text)} for name, text in texts.items()}


def _parts(text: JsonObject) -> tuple[str, ...]:
    """Return the names of the parts of a text. Few texts have an approved template or name an account."""
    return ("subject", "body", "media", *(name for name in ("provider_template", "account") if text[name]))


def referenced_version(session: Session, template: MessageTemplate, version_id: UUID, pointer: str) -> Version:
    """Return a version of the template that a body names at `pointer`. Raises Invalid."""
    try:
        return get_version(session, template, version_id)
    except NotFound:
        raise Invalid.at(pointer, "Must be a version of this template.") from None


def _load_version(session: Session, template: MessageTemplate, condition: Any) -> Version:
    statement = select(MessageTemplateVersion).where(MessageTemplateVersion.template_id == template.id, condition)
    row = session.scalars(statement).one_or_none()
    if row is None:
        raise NotFound
    return Version(row, parse_variants(row.variants))
