"""Calls of mail providers: check them, and process their mails and events."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.clock import now
from app.core.http_client.client import NoResponse, NotSent
from app.core.http_client.targets import NotAllowed
from app.errors import RelanceError, Unauthenticated
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.messaging.inbound.addresses import ids_in_headers
from app.messaging.inbound.authentication import NO_RESULT, AuthenticationPolicy, OnFailedAuthentication
from app.messaging.inbound.match import Matched, last_message_to, match_message_id, match_signed_id
from app.messaging.inbound.models import HookProvider, InboundHook, Match
from app.messaging.inbound.providers import mailgun, postmark, sendgrid, ses
from app.messaging.inbound.providers.base import (
    Confirmation,
    Hook,
    Item,
    Nonce,
    ProviderCall,
    ReceivedMail,
    UnreadableCall,
    UntrustedCall,
)
from app.messaging.inbound.receive import Received, receive_email, receive_event
from app.messaging.inbound.reports import MailEvent
from app.security.encrypted_fields import decrypt_row

_Reader = Callable[[ProviderCall], Iterator[Item]]
_LOCK_TOKEN: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:name AS text), 0))")
_USES: Final = text(
    "SELECT report_id FROM text_receipts WHERE account_id = :hook AND clinic_id = :clinic"
    " AND starts_with(report_id, :prefix)"
)
_USE: Final = text(
    "INSERT INTO text_receipts (account_id, report_id, clinic_id, received_at) VALUES (:hook, :receipt, :clinic, :now)"
)
_CALLED_EVERY: Final = timedelta(minutes=1)  # accuracy of `last_called_at`
_VERIFY: Final[Mapping[str, Callable[[ProviderCall, Hook], None]]] = {
    HookProvider.SES: ses.verify,
    HookProvider.MAILGUN: mailgun.verify,
    HookProvider.POSTMARK: postmark.verify,
    HookProvider.SENDGRID: sendgrid.verify,
}
_READ: Final[Mapping[str, _Reader]] = {
    HookProvider.SES: ses.read,
    HookProvider.MAILGUN: mailgun.read,
    HookProvider.POSTMARK: postmark.read,
    HookProvider.SENDGRID: sendgrid.read,
}


# A body in another form raises these where it is read.
_WRONG_FORM: Final = (UnreadableCall, AttributeError, TypeError, KeyError, ValueError)


class InvalidProviderCall(RelanceError):
    """The body of the call is not in the form of the provider."""

    status = 400


class Processed(NamedTuple):
    """The number of mails and events of a call: new ones, and those that were processed before."""

    taken: int
    repeated: int


def find_hook(session: Session, provider: str, hook_id: UUID) -> Any:
    """Return the decrypted row of an active webhook. Raises Unauthenticated: callers cannot tell which ids exist."""
    wanted = select(InboundHook.__table__).where(InboundHook.id == hook_id, InboundHook.provider == provider)
    found = session.execute(wanted.where(InboundHook.is_active)).one_or_none()
    if found is None:
        raise Unauthenticated
    return decrypt_row(InboundHook, found)


class CallContent(NamedTuple):
    """The mails and events of a verified call, and its token if the signature does not cover them."""

    items: Sequence[Item]
    nonce: Nonce | None


def read_call(hook: Any, call: ProviderCall) -> CallContent:
    """Check and read a call. No transaction is open, because SNS needs calls to AWS.

    Raises Unauthenticated, InvalidProviderCall.
    """
    try:
        _VERIFY[hook.provider](call, hook)
    except (UntrustedCall, *_WRONG_FORM):
        raise Unauthenticated from None
    try:
        items = list(_READ[hook.provider](call))
    except _WRONG_FORM as mistake:
        reason = str(mistake) if isinstance(mistake, UnreadableCall) else "The body is not in the provider's form."
        raise InvalidProviderCall(reason) from None
    for item in items:
        if isinstance(item, Confirmation):
            with suppress(NotAllowed, NotSent, NoResponse):
                ses.confirm(item.url)
    return CallContent(items, mailgun.nonce_of(call) if hook.provider == HookProvider.MAILGUN else None)


def process(session: Session, hook: Any, content: CallContent) -> Processed:
    """Process the mails and events of a verified call. Raises Unauthenticated (its token came with other content)."""
    if content.nonce is not None:
        _require_first_use(session, hook, content.nonce)
    done = [_process(session, hook, item) for item in content.items if not isinstance(item, Confirmation)]
    _note_call(session, hook)
    repeated = sum(one.is_repeat for one in done)
    return Processed(len(done) - repeated, repeated)


def _require_first_use(session: Session, hook: Any, nonce: Nonce) -> None:
    """Store the token with its content. A repetition passes; the same token with other content is refused."""
    given = {"hook": hook.id, "clinic": hook.clinic_id, "now": now()}
    session.execute(_LOCK_TOKEN, {"name": f"nonce {hook.id} {nonce.token}"})
    known = session.scalars(_USES, {**given, "prefix": f"{nonce.token} "}).all()
    if not known:
        session.execute(_USE, {**given, "receipt": f"{nonce.token} {nonce.digest}"})
    elif f"{nonce.token} {nonce.digest}" not in known:
        raise Unauthenticated


def _process(session: Session, hook: Any, item: ReceivedMail | MailEvent) -> Received:
    if isinstance(item, ReceivedMail):
        return receive_email(
            session,
            hook.clinic_id,
            item.raw,
            received_at=now(),
            via=hook.provider,
            envelope=item.envelope,
            policy=_policy(hook, item),
        )
    actor = Actor.system(load_context(session, hook.clinic_id))
    return receive_event(session, actor, item, _match(session, actor, item), via=hook.provider)


def _policy(hook: Any, mail: ReceivedMail) -> AuthenticationPolicy:
    """Return the policy for results of SPF, DKIM and DMARC. A provider without results beside the mail reports none."""
    checks = {method: result for method, result in mail.checks.items() if result != NO_RESULT}
    on_failure = OnFailedAuthentication(hook.on_failed_authentication)
    return AuthenticationPolicy(hook.authentication_server, on_failure, hook.provider if checks else None, checks)


def _match(session: Session, actor: Actor, event: MailEvent) -> Matched | None:
    """Find the reported message by its ids; without them, the last message to the address."""
    clinic_id, settings = actor.clinic.id, actor.clinic.inbound_email
    for signed in ids_in_headers([event.relance_id or ""]):
        if found := match_signed_id(session, clinic_id, signed, Match.PROVIDER):
            return found
    if event.message_id and (found := match_message_id(session, clinic_id, event.message_id)):
        return found
    if event.recipient is None:
        return None
    since = now() - timedelta(days=settings.match_days)
    return last_message_to(session, clinic_id, event.recipient.lower(), since)


def _note_call(session: Session, hook: Any) -> None:
    at = now()
    if hook.last_called_at is None or hook.last_called_at < at - _CALLED_EVERY:
        session.execute(update(InboundHook).where(InboundHook.id == hook.id).values(last_called_at=at))
