"""State of reading: which process reads a mailbox, up to which mail, and since when that fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import CursorResult, TextClause, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.messaging.inbound.authentication import AuthenticationPolicy, OnFailedAuthentication
from app.messaging.mailboxes.imap_client import MailboxLogin
from app.messaging.mailboxes.models import Mailbox
from app.messaging.mailboxes.service import login_of

LEASE: Final = timedelta(seconds=15)


class NotHeld(Exception):
    """Another process reads this mailbox now, or it was changed or deleted."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A mailbox at one version, held by one process. A user's change makes another version."""

    mailbox_id: UUID
    version: int
    holder: UUID


@dataclass(frozen=True, slots=True)
class Place:
    """The settings that reading needs. Mails that the server got before `since` are never read."""

    clinic_id: UUID
    login: MailboxLogin
    mark_seen: bool
    since: date
    policy: AuthenticationPolicy


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder, as the server describes it."""

    uidvalidity: int
    uidnext: int
    supports_idle: bool


_OWN: Final = "holder = :holder AND version = :version AND is_active"
_RENEW: Final = text(
    "UPDATE mailboxes SET held_until = :until WHERE holder = :holder AND is_active AND held_until < :soon"
)
_CLAIM: Final = text(
    "UPDATE mailboxes SET holder = :holder, held_until = :until WHERE id IN (SELECT id FROM mailboxes"
    " WHERE is_active AND holder IS DISTINCT FROM :holder AND (held_until IS NULL OR held_until < :now)"
    " ORDER BY held_until NULLS FIRST, id LIMIT :most FOR UPDATE SKIP LOCKED)"
)
_HELD: Final = text("SELECT id, version FROM mailboxes WHERE holder = :holder AND is_active")
_RELEASE: Final = text("UPDATE mailboxes SET holder = NULL, held_until = NULL WHERE holder = :holder")
# Another UIDVALIDITY: all mails have new numbers, and are read again; those that are known are recognized.
_OPENED: Final = text(
    "UPDATE mailboxes SET last_uid = CASE WHEN uidvalidity = :uidvalidity THEN last_uid"  # noqa: S608  (constants)
    " WHEN uidvalidity IS NULL AND since IS NULL THEN :end ELSE 0 END,"
    " attempted_uid = CASE WHEN uidvalidity = :uidvalidity THEN attempted_uid END,"
    " uidvalidity = :uidvalidity, supports_idle = :supports_idle"
    f" WHERE id = :id AND {_OWN} RETURNING last_uid"
)
_SEEN: Final = text(
    "UPDATE mailboxes SET last_seen_at = :now, failing_since = NULL, error = NULL, notified_at = NULL"  # noqa: S608
    f" WHERE id = :id AND {_OWN}"
)
_ATTEMPT: Final = text(
    "UPDATE mailboxes SET attempts = CASE WHEN attempted_uid = :uid THEN attempts + 1 ELSE 1 END, attempted_uid = :uid"  # noqa: S608
    f" WHERE id = :id AND {_OWN} RETURNING attempts"
)
_STORED: Final = text(
    "UPDATE mailboxes SET last_uid = :uid, attempted_uid = NULL, attempts = 0, last_seen_at = :now"  # noqa: S608
    f" WHERE id = :id AND last_uid < :uid AND {_OWN}"
)
_FAILED: Final = text(
    "UPDATE mailboxes SET failing_since = coalesce(failing_since, :now), error = :error"  # noqa: S608  (constants)
    f" WHERE id = :id AND {_OWN}"
)


def claim_mailboxes(session: Session, holder: UUID, *, most: int) -> Sequence[Claim]:
    """Renew the leases of this process, take mailboxes that no process reads, and return those that it holds."""
    at = now()
    given = {"holder": holder, "until": at + LEASE, "soon": at + LEASE * 2 / 3, "now": at}
    session.execute(_RENEW, given)
    held = _held(session, holder)
    if len(held) >= most:
        return held
    session.execute(_CLAIM, {**given, "most": most - len(held)})
    return _held(session, holder)


def release_mailboxes(session: Session, holder: UUID) -> None:
    """End the leases of this process, so that another one can read its mailboxes at once."""
    session.execute(_RELEASE, {"holder": holder})


def load_place(session: Session, claim: Claim) -> Place:
    """Return the settings of a held mailbox. Raises NotHeld."""
    mailbox = session.scalars(select(Mailbox).where(Mailbox.id == claim.mailbox_id)).one_or_none()
    if mailbox is None or mailbox.version != claim.version:
        raise NotHeld
    since = mailbox.since or mailbox.created_at.date() - timedelta(days=1)  # servers compare days of their own zone
    policy = AuthenticationPolicy(
        mailbox.authentication_server, OnFailedAuthentication(mailbox.on_failed_authentication)
    )
    return Place(mailbox.clinic_id, login_of(mailbox), mailbox.mark_seen, since, policy)


def record_opened(session: Session, claim: Claim, folder: Folder) -> int:
    """Store that the folder can be read, and return the number of the last stored mail. Raises NotHeld."""
    given = {
        "uidvalidity": folder.uidvalidity,
        "end": folder.uidnext - 1,
        "supports_idle": folder.supports_idle,
    }
    last_uid: int | None = session.scalar(_OPENED, {**given, **_of(claim)})
    if last_uid is None:
        raise NotHeld
    return last_uid


def record_seen(session: Session, claim: Claim) -> None:
    """Store that the folder was read to its end, which ends a failure. Raises NotHeld."""
    _execute(session, _SEEN, {"now": now()}, claim)


def record_attempt(session: Session, claim: Claim, uid: int) -> int:
    """Store, before a mail is read, that it is tried. Returns the number of attempts. Raises NotHeld."""
    attempts: int | None = session.scalar(_ATTEMPT, {"uid": uid, **_of(claim)})
    if attempts is None:
        raise NotHeld
    return attempts


def record_stored(session: Session, claim: Claim, uid: int) -> None:
    """Store, in the transaction of a mail, that it was received. Raises NotHeld: then roll the mail back."""
    _execute(session, _STORED, {"uid": uid, "now": now()}, claim)


def record_failed(session: Session, claim: Claim, error: str) -> None:
    """Store why the mailbox cannot be read. Raises NotHeld."""
    _execute(session, _FAILED, {"error": error, "now": now()}, claim)


def _execute(session: Session, statement: TextClause, given: Mapping[str, object], claim: Claim) -> None:
    result = session.execute(statement, {**given, **_of(claim)})
    if isinstance(result, CursorResult) and not result.rowcount:
        raise NotHeld


def _held(session: Session, holder: UUID) -> Sequence[Claim]:
    return [Claim(row.id, row.version, holder) for row in session.execute(_HELD, {"holder": holder})]


def _of(claim: Claim) -> dict[str, object]:
    return {"id": claim.mailbox_id, "holder": claim.holder, "version": claim.version}
