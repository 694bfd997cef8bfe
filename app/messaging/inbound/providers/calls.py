"""Calls of mail providers: check them, and process their mails and events."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.clock import now
from app.core.http_client.client import NoResponse, NotSent
from app.core.http_client.targets import NotAllowed
from app.errors import RelanceError, Unauthenticated
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.messaging.inbound.addresses import ids_in_headers
from app.messaging.inbound.match import Matched, last_message_to, match_message_id, match_signed_id
from app.messaging.inbound.models import HookProvider, InboundHook, Match
from app.messaging.inbound.providers import mailgun, postmark, sendgrid, ses
from app.messaging.inbound.providers.base import (
    Confirmation,
    Hook,
    Item,
    ProviderCall,
    ReceivedMail,
    UnreadableCall,
    UntrustedCall,
)
from app.messaging.inbound.receive import Received, receive_email, receive_event
from app.messaging.inbound.reports import MailEvent
from app.security.encrypted_fields import decrypt_row

_Reader = Callable[[ProviderCall], Iterator[Item]]
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


def read_call(hook: Any, call: ProviderCall) -> list[Item]:
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
    return items


def process(session: Session, hook: Any, items: Iterable[Item]) -> Processed:
    """Process the mails and events of a verified call."""
    done = [_process(session, hook, item) for item in items if not isinstance(item, Confirmation)]
    _note_call(session, hook)
    repeated = sum(one.is_repeat for one in done)
    return Processed(len(done) - repeated, repeated)


def _process(session: Session, hook: Any, item: ReceivedMail | MailEvent) -> Received:
    if isinstance(item, ReceivedMail):
        return receive_email(
            session, hook.clinic_id, item.raw, received_at=now(), via=hook.provider, envelope=item.envelope
        )
    actor = Actor.system(load_context(session, hook.clinic_id))
    return receive_event(session, actor, item, _match(session, actor, item), via=hook.provider)


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
