"""Manage a clinic's mailboxes, and check that one can be read."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.config import get_settings
from app.core.db import new_id
from app.core.http_client.targets import NotAllowed, Unresolved, read_host, resolve_mail_server
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.identity.actor import Actor
from app.messaging.channels.mail.mail_server import GIVE_AGAIN, Security, SignIn, is_another_server
from app.messaging.channels.mail.microsoft import Application
from app.messaging.mailboxes.imap_client import IMAP_ERRORS, PORTS, MailboxLogin, error_text, open_mailbox
from app.messaging.mailboxes.models import Mailbox

MAX_MAILBOXES: Final = 20
DEFAULT_PORTS: Final = {Security.TLS: 993, Security.STARTTLS: 143, Security.NONE: 143}
_ADDRESS: Final = ("host", "port", "security")
_SIGN_IN: Final = ("sign_in", "password", "tenant", "client_id", "client_secret")
# A change of one of these leads to another folder: its mails are numbered anew.
_PLACE: Final = frozenset({"host", "port", "username", "folder", "since"})


class MailboxNameTaken(Conflict):
    """The clinic already has a mailbox of this name."""


class TooManyMailboxes(Conflict):
    """The clinic already has the maximum number of mailboxes."""


@dataclass(frozen=True, slots=True)
class MailboxTest:
    """Result of a test. `messages` and `supports_idle` are None if the folder cannot be read."""

    error: str | None
    messages: int | None = None
    supports_idle: bool | None = None

    @property
    def works(self) -> bool:
        """Whether the folder can be read."""
        return self.error is None


def list_mailboxes(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """Return the clinic's mailboxes by name; `query` as loaded by MailboxQuery."""
    statement = select(Mailbox).where(Mailbox.clinic_id == clinic_id)
    if "is_active" in query:
        statement = statement.where(Mailbox.is_active == query["is_active"])
    return page(session, statement, [(Mailbox.name, "asc")], query)


def read_mailbox(session: Session, clinic_id: UUID, mailbox_id: UUID) -> Mailbox:
    """Return one mailbox of the clinic. Raises NotFound."""
    return _find(session, clinic_id, mailbox_id, lock=False)


def create_mailbox(session: Session, clinic_id: UUID, data: JsonObject) -> Mailbox:
    """Create a mailbox; `data` as loaded by MailboxIn.

    Raises Invalid (an address that is not allowed), MailboxNameTaken, TooManyMailboxes.
    """
    data = {**data, "port": data.get("port") or DEFAULT_PORTS[data["security"]]}
    check_all(partial(_require_allowed, data), partial(_require_sign_in, data))
    if (session.scalar(select(func.count()).where(Mailbox.clinic_id == clinic_id)) or 0) >= MAX_MAILBOXES:
        raise TooManyMailboxes
    at = now()
    mailbox = Mailbox(id=new_id(), clinic_id=clinic_id, attempts=0, created_at=at, updated_at=at, version=1)
    _set(mailbox, data)
    session.add(mailbox)
    _flush(session)
    return mailbox


def change_mailbox(
    session: Session, clinic_id: UUID, mailbox_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> Mailbox:
    """Set the given values; `data` as loaded by MailboxChange. The process `inbound` connects again.

    Raises NotFound, ChangedMeanwhile, MailboxNameTaken, Invalid (an address that is not allowed, or another server
    without the password).
    """
    mailbox = _find(session, clinic_id, mailbox_id, lock=True)
    require_version(mailbox, seen)
    if data.keys() & set(_ADDRESS):
        _require_allowed({name: data.get(name, getattr(mailbox, name)) for name in _ADDRESS})
    if data.keys() & set(_SIGN_IN):
        _require_sign_in({name: data.get(name, getattr(mailbox, name)) for name in _SIGN_IN})
    _require_secret_again(mailbox, data)
    is_moved = any(getattr(mailbox, name) != data[name] for name in data.keys() & _PLACE)
    _set(mailbox, data)
    if is_moved:
        mailbox.uidvalidity = mailbox.last_uid = mailbox.attempted_uid = None
    mailbox.error = mailbox.failing_since = mailbox.notified_at = None
    mailbox.updated_at = now()
    mailbox.version += 1
    _flush(session)
    return mailbox


def delete_mailbox(session: Session, clinic_id: UUID, mailbox_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete a mailbox. Mails that were received stay. Raises NotFound, ChangedMeanwhile."""
    mailbox = _find(session, clinic_id, mailbox_id, lock=True)
    require_version(mailbox, seen)
    session.delete(mailbox)


def login_of(mailbox: Mailbox) -> MailboxLogin:
    """Return the settings that a connection needs, decrypted."""
    return MailboxLogin(
        mailbox.host,
        mailbox.port,
        Security(mailbox.security),
        mailbox.username,
        mailbox.password or "",
        mailbox.folder,
        _application(mailbox),
    )


def _application(mailbox: Mailbox) -> Application | None:
    if mailbox.sign_in != SignIn.MICROSOFT:
        return None
    return Application(mailbox.tenant or "", mailbox.client_id or "", mailbox.client_secret or "")


def try_mailbox(login: MailboxLogin) -> MailboxTest:
    """Sign in and open the folder, in OUTGOING_TIMEOUT seconds after the connection. No mail is read."""
    try:
        with open_mailbox(login, within=get_settings().outgoing_timeout) as client:
            opened = client.select_folder(login.folder, readonly=True)
            return MailboxTest(None, opened[b"EXISTS"], client.has_capability("IDLE"))
    except IMAP_ERRORS as error:
        return MailboxTest(error_text(error))


def check_address(session: Session, actor: Actor, data: JsonObject, /, *, mailbox_id: UUID | None = None) -> None:
    """Check that the server may be called and that the sign-in is complete, if they are given. Raises Invalid."""
    known = _find(session, actor.clinic.id, mailbox_id, lock=False) if mailbox_id else None

    checks: list[Callable[[], None]] = []

    def merged(names: Collection[str]) -> JsonDict:
        return {name: data[name] if name in data else getattr(known, name, None) for name in names}

    if known is None or any(name in data for name in _ADDRESS):
        checks.append(lambda: _require_allowed(merged(_ADDRESS)))
    if known is None or any(name in data for name in _SIGN_IN):
        checks.append(lambda: _require_sign_in(merged(_SIGN_IN)))
    if known is not None:
        checks.append(partial(_require_secret_again, known, data))
    check_all(*checks)


def _require_sign_in(login: JsonObject) -> None:
    """Check that the password, or the application, is complete. Raises Invalid."""
    sign_in = login.get("sign_in") or SignIn.PASSWORD
    needed = ("tenant", "client_id", "client_secret") if sign_in == SignIn.MICROSOFT else ("password",)
    if missing := [name for name in needed if not login.get(name)]:
        raise Invalid(*(FieldError(f"/{name}", f"Required for the sign-in {sign_in!s}.") for name in missing))


def _require_secret_again(mailbox: Mailbox, data: JsonObject) -> None:
    """Check that a change of the server gives the secret again: it was stored for another one. Raises Invalid."""
    secret = "client_secret" if data.get("sign_in", mailbox.sign_in) == SignIn.MICROSOFT else "password"
    server = (data.get("host") or mailbox.host, data.get("security") or mailbox.security)
    if not data.get(secret) and is_another_server((mailbox.host, mailbox.security), server):
        raise Invalid.at(f"/{secret}", GIVE_AGAIN)


def _require_allowed(address: JsonObject) -> None:
    if address["host"] is None:
        return
    security = address["security"] or Security.TLS
    port = address["port"] or DEFAULT_PORTS[security]
    try:
        resolve_mail_server(address["host"], port, ports=PORTS, is_encrypted=security != Security.NONE)
    except Unresolved as refusal:
        raise Invalid.at("/host", f"{refusal}.") from None
    except NotAllowed as refusal:
        raise Invalid.at("/host", f"It {refusal}.") from None


def _set(mailbox: Mailbox, data: JsonObject) -> None:
    for name, value in data.items():
        setattr(mailbox, name, read_host(value) if name == "host" else value)


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as clash:
        raise MailboxNameTaken from clash


def _find(session: Session, clinic_id: UUID, mailbox_id: UUID, *, lock: bool) -> Mailbox:
    of_clinic = select(Mailbox).where(Mailbox.id == mailbox_id, Mailbox.clinic_id == clinic_id)
    mailbox = session.scalars(of_clinic.with_for_update(key_share=True) if lock else of_clinic).one_or_none()
    if mailbox is None:
        raise NotFound
    return mailbox
