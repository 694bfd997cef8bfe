"""Webhooks of mail providers: list, create, change, delete."""

from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.config import get_settings
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.messaging.inbound.models import HookProvider, InboundHook

MAX_HOOKS: Final = 20
_NEEDED: Final = {
    HookProvider.SES: ("topic",),
    HookProvider.MAILGUN: ("secret",),
    HookProvider.POSTMARK: ("secret",),
    HookProvider.SENDGRID: ("secret",),
}


class HookNameTaken(Conflict):
    """The clinic already has a webhook of this name."""


class TooManyHooks(Conflict):
    """The clinic already has the maximum number of webhooks."""


def list_hooks(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """List the clinic's webhooks by name."""
    found = select(InboundHook).where(InboundHook.clinic_id == clinic_id)
    return page(session, found, [(InboundHook.name, "asc")], query)


def read_hook(session: Session, clinic_id: UUID, hook_id: UUID) -> InboundHook:
    """Return one webhook of the clinic. Raises NotFound."""
    return _find(session, clinic_id, hook_id, lock=False)


def create_hook(session: Session, clinic_id: UUID, data: JsonObject) -> InboundHook:
    """Create a webhook; `data` as loaded by InboundHookIn. Raises Invalid, HookNameTaken, TooManyHooks."""
    _require_credentials(data["provider"], data)
    number = select(func.count()).where(InboundHook.clinic_id == clinic_id)
    if (session.scalar(number) or 0) >= MAX_HOOKS:
        raise TooManyHooks
    at = now()
    hook = InboundHook(id=new_id(), clinic_id=clinic_id, created_at=at, updated_at=at, version=1)
    for name, value in data.items():
        setattr(hook, name, value)
    session.add(hook)
    try:
        session.flush()
    except IntegrityError as clash:
        raise HookNameTaken from clash
    return hook


def change_hook(
    session: Session, clinic_id: UUID, hook_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> InboundHook:
    """Set the given values; `data` as loaded by InboundHookChange. Raises NotFound, ChangedMeanwhile, Invalid."""
    hook = _find(session, clinic_id, hook_id, lock=True)
    require_version(hook, seen)
    known = {"secret": hook.secret, "topic": hook.topic}
    _require_credentials(HookProvider(hook.provider), {**known, **data})
    for name, value in data.items():
        setattr(hook, name, value)
    hook.updated_at = now()
    hook.version += 1
    return hook


def delete_hook(session: Session, clinic_id: UUID, hook_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete a webhook; its URL stops working. Raises NotFound, ChangedMeanwhile."""
    hook = _find(session, clinic_id, hook_id, lock=True)
    require_version(hook, seen)
    session.delete(hook)


def hook_url(hook: InboundHook) -> str:
    """Return the URL for the provider's settings."""
    return f"{get_settings().own_url}/api/inbound/{hook.provider}/{hook.id}"


def missing_credentials(provider: HookProvider, data: JsonObject) -> list[str]:
    """Return the names of the missing fields that authenticate the provider's calls."""
    return [name for name in _NEEDED[provider] if not data.get(name)]


def _require_credentials(provider: HookProvider, data: JsonObject) -> None:
    if missing := missing_credentials(provider, data):
        raise Invalid(*(FieldError(f"/{name}", f"Required for {provider}.") for name in missing))


def _find(session: Session, clinic_id: UUID, hook_id: UUID, *, lock: bool) -> InboundHook:
    of_clinic = select(InboundHook).where(InboundHook.id == hook_id, InboundHook.clinic_id == clinic_id)
    hook = session.scalars(of_clinic.with_for_update(key_share=True) if lock else of_clinic).one_or_none()
    if hook is None:
        raise NotFound
    return hook
