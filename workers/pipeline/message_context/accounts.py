"""Sending accounts for the messages of a batch."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.handlers.support.context import AccountContext, NotificationView
from app.engine.models import Kind
from app.engine.step_kind import STEP_KINDS
from app.identity.clinic_context import ClinicContext
from app.messaging.channels.account import Account
from app.messaging.channels.registry import CHANNELS
from app.messaging.sending_accounts.choice import choose_account
from app.messaging.sending_accounts.directory import ListedAccount, accounts_of, load_accounts
from app.messaging.sending_accounts.kinds import may_use_account
from app.messaging.sending_accounts.limits import Usage
from app.messaging.sending_accounts.usage import load_usage
from workers.pipeline.claim import ClaimedStep


class _Message(NamedTuple):
    """A step that writes or delivers a message which may use an account."""

    step: ClaimedStep
    channel: str
    name: str | None  # of the account that the rule, else the text or the user names
    own: UUID | None = None  # the account of the last attempt


class _Choice(NamedTuple):
    """The account of a message; None: it uses none, or there is none that fits."""

    step: ClaimedStep
    account: ListedAccount | None
    is_missing: bool

    @property
    def is_sending(self) -> bool:
        """Whether the step hands the message over, and does not only write it."""
        return self.account is not None and STEP_KINDS[self.step.kind].outside is not None


def load_account_contexts(
    session: Session,
    rows: Sequence[ClaimedStep],
    clinics: Mapping[UUID, ClinicContext],
    notifications: Mapping[str, NotificationView],
    *,
    now: datetime,
) -> dict[UUID, AccountContext]:
    """Return the accounts by step id. No query runs for clinics without accounts."""
    choices = [
        _choose(message, accounts_of(session, clinics[message.step.clinic_id]))
        for message in _messages(rows, notifications)
    ]
    sending = [one.account for one in choices if one.account is not None and one.is_sending]
    ids, limited = {one.id for one in sending}, {one.id for one in sending if one.limits.is_any}
    loaded = load_accounts(session, ids, lock=bool(limited)) if ids else {}
    usage = load_usage(session, limited, now=now) if limited else {}
    return {one.step.id: _context(one, loaded, usage) for one in choices if one.account is not None or one.is_missing}


def _context(choice: _Choice, loaded: Mapping[UUID, Account], usage: Mapping[UUID, Usage]) -> AccountContext:
    account = choice.account
    if account is None or not choice.is_sending:
        return AccountContext(is_missing=choice.is_missing)
    if account.id not in loaded:
        return AccountContext(is_missing=True)  # deleted meanwhile
    return AccountContext(loaded[account.id], account.limits, usage.get(account.id, Usage()))


def _messages(rows: Sequence[ClaimedStep], notifications: Mapping[str, NotificationView]) -> Iterator[_Message]:
    """Yield the messages that may use an account: those to leads, and all of channels that need one."""
    for row in rows:
        note = notifications.get(row.params.get("notification_id", ""))
        if note is not None and may_use_account(note.channel):
            if note.user_id is None or CHANNELS.needs_account(note.channel):
                yield _Message(row, note.channel, row.params.get("account") or note.account_name, note.account_id)
        elif row.kind == Kind.SEND_MESSAGE and may_use_account(row.params.get("channel")):
            yield _Message(row, row.params["channel"], row.params.get("account"))


def _choose(message: _Message, known: Sequence[ListedAccount]) -> _Choice:
    """Return the account of the last attempt while it is active, else the one that the step uses."""
    own = next((one for one in known if one.id == message.own and one.is_active), None)
    chosen = own or choose_account(known, message.channel, message.name)
    is_missing = chosen is None and (message.name is not None or CHANNELS.needs_account(message.channel))
    return _Choice(message.step, chosen, is_missing)
