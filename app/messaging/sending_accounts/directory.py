"""The accounts of a clinic for its steps: the list without credentials is cached, credentials are read when needed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext
from app.messaging.channels.account import Account
from app.messaging.sending_accounts.models import SendingAccount
from app.security.encrypted_fields import decrypt_fields


class ListedAccount(NamedTuple):
    """An account without its settings and credentials."""

    id: UUID
    name: str
    channels: Sequence[str]
    default_for: Sequence[str]
    is_active: bool
    per_hour: int | None
    per_day: int | None
    warm_up_per_day: int | None
    warm_up_growth: int | None
    warm_up_started_on: date | None

    @property
    def is_limited(self) -> bool:
        """Whether its messages are counted."""
        return any(limit is not None for limit in (self.per_hour, self.per_day, self.warm_up_per_day))


_LISTED = [getattr(SendingAccount, name) for name in ListedAccount._fields]


@cache_per_version
def accounts_of(session: Session, clinic: ClinicContext) -> Sequence[ListedAccount]:
    """Return the clinic's accounts by name."""
    return list_accounts_of(session, clinic.id)


def list_accounts_of(session: Session, clinic_id: UUID) -> Sequence[ListedAccount]:
    """Return the clinic's accounts by name, as stored now."""
    mine = select(*_LISTED).where(SendingAccount.clinic_id == clinic_id).order_by(SendingAccount.name)
    return [ListedAccount(*row) for row in session.execute(mine)]


def load_accounts(session: Session, account_ids: Collection[UUID], *, lock: bool) -> Mapping[UUID, Account]:
    """Return accounts with their credentials, by id. `lock`: until the commit no other transaction counts messages."""
    wanted = select(SendingAccount.__table__).where(SendingAccount.id.in_(account_ids)).order_by(SendingAccount.id)
    found = session.execute(wanted.with_for_update(key_share=True) if lock else wanted)
    return {row.id: _account(row.id, row.kind, row.settings, row.sealed) for row in found}


def account_of(row: SendingAccount) -> Account:
    """Return an account as channels use it, with its credentials decrypted."""
    return _account(row.id, row.kind, row.settings, row.sealed)


def _account(account_id: UUID, kind: str, settings: dict[str, object], sealed: bytes | None) -> Account:
    credentials = decrypt_fields(SendingAccount, account_id, sealed)["credentials"]
    return Account(account_id, kind, settings, orjson.loads(credentials or "{}"))
