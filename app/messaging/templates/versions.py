"""Versions of a template's texts: none ever changes, the newest is the one that is used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.json_diff import Difference, differences
from app.core.pagination import Page, page
from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.messaging.models import MessageTemplate, MessageTemplateVersion
from app.messaging.rendering.variants import Variant
from app.messaging.templates.library import read_variants


class IsUsedAlready(Conflict):
    """These texts are used already."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version's row and its texts."""

    row: MessageTemplateVersion
    texts: tuple[Variant, ...]

    @property
    def id(self) -> UUID:
        return self.row.id

    @property
    def shown(self) -> list[dict[str, Any]]:
        """Its texts as `MessageVariantOut` shows them."""
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
    """Give a template, locked or new, these texts from now on."""
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
    """The version whose texts are used."""
    return _read(session, template, MessageTemplateVersion.number == template.number)


def list_versions(session: Session, template: MessageTemplate, query: Mapping[str, Any]) -> Page:
    """The template's versions, newest first."""
    versions = select(MessageTemplateVersion).where(MessageTemplateVersion.template_id == template.id)
    return page(session, versions, [(MessageTemplateVersion.number, "desc")], query)


def get_version(session: Session, template: MessageTemplate, version_id: UUID) -> Version:
    """One of the template's versions. Raises NotFound."""
    return _read(session, template, MessageTemplateVersion.id == version_id)


def shown_version(session: Session, template: MessageTemplate, version_id: UUID) -> dict[str, Any]:
    """As `TemplateVersionDetailOut` shows it. Raises NotFound."""
    version = get_version(session, template, version_id)
    columns = {column.name: getattr(version.row, column.name) for column in MessageTemplateVersion.__table__.columns}
    return {**columns, "variants": version.shown}


def diff(
    session: Session, template: MessageTemplate, version_id: UUID, *, since: UUID | None = None
) -> list[Difference]:
    """What is different in a version, against another or the one before it. Raises NotFound, Invalid."""
    after = get_version(session, template, version_id)
    return list(differences(_before(session, template, after, since), _by_name(after)))


def use_again(session: Session, actor: Actor, template: MessageTemplate, version_id: UUID) -> None:
    """Use the texts of an earlier version again, as a new one. Raises Invalid, IsUsedAlready."""
    earlier = _named(session, template, version_id, "/version_id")
    if {*earlier.texts} == {*current_version(session, template).texts}:
        raise IsUsedAlready
    add_version(session, actor, template, earlier.texts, number=template.number + 1, repeats=earlier.row.number)
    template.updated_at = now()
    template.version += 1


def _before(session: Session, template: MessageTemplate, after: Version, since: UUID | None) -> dict[str, Any]:
    if since is not None:
        return _by_name(_named(session, template, since, "/from"))
    if after.row.number == 1:
        return {}
    return _by_name(_read(session, template, MessageTemplateVersion.number == after.row.number - 1))


def _by_name(version: Version) -> dict[str, Any]:
    said = {text.name: text.to_json() for text in version.texts}
    return {name: {part: text[part] for part in ("subject", "body", "media")} for name, text in said.items()}


def _named(session: Session, template: MessageTemplate, version_id: UUID, pointer: str) -> Version:
    try:
        return get_version(session, template, version_id)
    except NotFound:
        raise Invalid.at(pointer, "Must be a version of this template.") from None


def _read(session: Session, template: MessageTemplate, which: Any) -> Version:
    wanted = select(MessageTemplateVersion).where(MessageTemplateVersion.template_id == template.id, which)
    row = session.scalars(wanted).one_or_none()
    if row is None:
        raise NotFound
    return Version(row, read_variants(row.variants))
