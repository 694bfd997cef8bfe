"""Manage a clinic's sending accounts."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.http_client.targets import NotAllowed, Unresolved, resolve_mail_server
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.engine.steps.waiting import ACCOUNT
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.messaging.channels.account import AccountKind
from app.messaging.channels.mail.mail_server import GIVE_AGAIN, SMTP_PORTS, Security, is_another_server
from app.messaging.delivery.sender_changes import wake_after_change
from app.messaging.sending_accounts.directory import account_of
from app.messaging.sending_accounts.kinds import (
    KINDS,
    SmtpSettings,
    channel_errors,
    complete_settings,
    part_errors,
    settings_errors,
)
from app.messaging.sending_accounts.models import SendingAccount

MAX_ACCOUNTS: Final = 50
DEFAULT_GROWTH: Final = 30  # percent a day


class SendingAccountNameTaken(Conflict):
    """The clinic already has a sending account of this name."""


class TooManySendingAccounts(Conflict):
    """The clinic already has the maximum number of sending accounts."""


def list_accounts(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """Return the clinic's accounts by name; `query` as loaded by SendingAccountQuery."""
    statement = select(SendingAccount).where(SendingAccount.clinic_id == clinic_id)
    for name in query.keys() & {"kind", "is_active"}:
        statement = statement.where(getattr(SendingAccount, name) == query[name])
    return page(session, statement, [(SendingAccount.name, "asc")], query)


def read_account(session: Session, clinic_id: UUID, account_id: UUID, *, lock: bool = False) -> SendingAccount:
    """Return one account of the clinic. Raises NotFound."""
    mine = select(SendingAccount).where(SendingAccount.id == account_id, SendingAccount.clinic_id == clinic_id)
    account = session.scalars(mine.with_for_update(key_share=True) if lock else mine).one_or_none()
    if account is None:
        raise NotFound
    return account


def create_account(session: Session, actor: Actor, data: JsonObject) -> SendingAccount:
    """Create an account; `data` as loaded by SendingAccountIn. The first account of a channel is its default.

    Raises Invalid, SendingAccountNameTaken, TooManySendingAccounts.
    """
    given = {**data, "channels": data.get("channels") or [*KINDS[data["kind"]].channels[:1]]}
    check_all(partial(_require_allowed, given), *_checks(given, given))
    bump_rules_version(session, actor.clinic.id)  # also locks the clinic's row, so that accounts are counted right
    others = _others(session, actor.clinic.id)
    if len(others) >= MAX_ACCOUNTS:
        raise TooManySendingAccounts
    served = {channel for one in others for channel in one.channels}
    given.setdefault("default_for", [name for name in given["channels"] if name not in served])
    at = now()
    account = SendingAccount(id=new_id(), clinic_id=actor.clinic.id, created_at=at, updated_at=at, version=1)
    _set(account, given, actor, at)
    return _save(session, account)


def change_account(
    session: Session, actor: Actor, account_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> SendingAccount:
    """Set the given values; `data` as loaded by SendingAccountChange. Waiting messages look again at once.

    Raises NotFound, ChangedMeanwhile, Invalid, SendingAccountNameTaken.
    """
    require_version(read_account(session, actor.clinic.id, account_id), seen)
    check_account(session, actor, data, account_id=account_id)  # before the locks: it looks up the server's addresses
    bump_rules_version(session, actor.clinic.id)
    account = read_account(session, actor.clinic.id, account_id, lock=True)
    session.refresh(account)
    require_version(account, seen)
    merged = _merged(account, data)
    check_all(*_checks(merged, data))
    _set(account, {name: merged[name] for name in {*data, "kind", "default_for"}}, actor, now())
    account.updated_at = now()
    account.version += 1
    return _save(session, account)


def delete_account(session: Session, clinic_id: UUID, account_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete an account. Its pending messages use another, or wait. Raises NotFound, ChangedMeanwhile."""
    bump_rules_version(session, clinic_id)
    account = read_account(session, clinic_id, account_id, lock=True)
    require_version(account, seen)
    wake_after_change(session, account, ACCOUNT)
    session.delete(account)


def check_account(session: Session, actor: Actor, data: JsonObject, /, *, account_id: UUID | None = None) -> None:
    """Check settings, credentials, channels and the server's address, as far as they are given. Raises Invalid."""
    given = {name: data[name] for name in _CHECKED if name in data}
    again: list[Callable[[], None]] = []
    if account_id is None:
        whole = {"channels": [*KINDS[data["kind"]].channels[:1]], "settings": {}, **given}
    else:
        account = read_account(session, actor.clinic.id, account_id)
        whole = _merged(account, given)
        again = [partial(_require_secrets_again, account, whole, given)]
    is_called = [partial(_require_allowed, whole)] if "settings" in given else []
    check_all(*is_called, *_checks(whole, given), *again)


_CHECKED: Final = ("kind", "settings", "credentials", "channels", "default_for")


def _checks(data: JsonObject, given: JsonObject) -> Iterator[Callable[[], None]]:
    """Yield the checks of what is given. An account can be deactivated even if its parts are not valid any more."""
    if given.keys() & {"settings", "credentials", "channels"}:
        yield partial(_require_parts, data)
        yield partial(_require_channels, data)
    if given.keys() & {"default_for", "channels"}:
        yield partial(_require_defaults, data)


def _require_parts(data: JsonObject) -> None:
    if found := settings_errors(data["kind"], data["settings"], data["credentials"]):
        raise Invalid(*found)


def _require_allowed(data: JsonObject) -> None:
    """Check that the mail server, if its settings are valid, may be called. Raises Invalid."""
    if data["kind"] != AccountKind.SMTP or part_errors(SmtpSettings, data["settings"], ""):
        return
    server = SmtpSettings.model_validate(data["settings"])
    is_encrypted = server.security != Security.NONE
    try:
        resolve_mail_server(server.host, server.used_port, ports=SMTP_PORTS, is_encrypted=is_encrypted)
    except Unresolved as refusal:
        raise Invalid.at("/settings/host", f"{refusal}.") from None
    except NotAllowed as refusal:
        raise Invalid.at("/settings/host", f"It {refusal}.") from None


def _require_secrets_again(account: SendingAccount, data: JsonObject, given: JsonObject) -> None:
    """Check that another server gets no stored credential: a change gives each again. Raises Invalid."""
    parts = _parts(account)
    if data["kind"] != AccountKind.SMTP or not is_another_server(_server(parts["settings"]), _server(data["settings"])):
        return
    stored = [name for name in parts["credentials"] if data["credentials"].get(name) is not None]
    if kept := [name for name in stored if name not in given.get("credentials", {})]:
        raise Invalid(*(FieldError(f"/credentials/{name}", GIVE_AGAIN) for name in kept))


def _server(settings: JsonObject) -> tuple[str, str]:
    return str(settings.get("host", "")), str(settings.get("security", Security.STARTTLS))


def _require_channels(data: JsonObject) -> None:
    if found := channel_errors(data["kind"], data["settings"], data["channels"]):
        raise Invalid(*found)


def _require_defaults(data: JsonObject) -> None:
    if any(name not in data["channels"] for name in data.get("default_for", ())):
        raise Invalid.at("/default_for", "It lists only channels of this account.")


def _merged(account: SendingAccount, data: JsonObject) -> JsonDict:
    """Return all values of an account after a change. A part of `settings` or `credentials` that is null is removed."""
    stored = {name: getattr(account, name) for name in ("kind", "channels", "default_for")}
    settings, credentials = ({**old, **data.get(name, {})} for name, old in _parts(account).items())
    # A channel that the account no longer serves cannot stay a default.
    default_for = [name for name in account.default_for if name in data.get("channels", account.channels)]
    present = {name: value for name, value in settings.items() if value is not None}
    kept = {name: value for name, value in credentials.items() if value is not None}
    return {**stored, "default_for": default_for, **data, "settings": present, "credentials": kept}


def _parts(account: SendingAccount) -> JsonDict:
    used = account_of(account)
    return {"settings": used.settings, "credentials": used.credentials}


def _set(account: SendingAccount, data: JsonObject, actor: Actor, at: datetime) -> None:
    for name, value in data.items():
        if name not in {"settings", "credentials"}:
            setattr(account, name, value)
    if "settings" in data:
        account.settings = complete_settings(data["kind"], data["settings"])
    if "credentials" in data:
        account.credentials = orjson.dumps(data["credentials"], option=orjson.OPT_SORT_KEYS).decode()
    if account.warm_up_per_day is None:
        account.warm_up_growth = account.warm_up_started_on = None  # another warm-up begins anew
    else:
        account.warm_up_growth = account.warm_up_growth or DEFAULT_GROWTH
        account.warm_up_started_on = account.warm_up_started_on or actor.clinic.calendar.local(at).date()


def _save(session: Session, account: SendingAccount) -> SendingAccount:
    with session.no_autoflush:
        for other in _others(session, account.clinic_id):
            if other.id != account.id and set(other.default_for) & set(account.default_for):
                other.default_for = [name for name in other.default_for if name not in account.default_for]
                other.version += 1
    session.add(account)
    try:
        session.flush()
    except IntegrityError as clash:
        raise SendingAccountNameTaken from clash
    wake_after_change(session, account, ACCOUNT)
    return account


def _others(session: Session, clinic_id: UUID) -> list[SendingAccount]:
    return list(session.scalars(select(SendingAccount).where(SendingAccount.clinic_id == clinic_id)))
