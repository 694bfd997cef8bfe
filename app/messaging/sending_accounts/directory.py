"""The accounts of a clinic for its steps: the list without credentials is cached, credentials are read when needed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Final, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext
from app.messaging.channels.account import Account
from app.messaging.sending_accounts.limits import Limits
from app.messaging.sending_accounts.models import SendingAccount
from app.security.encrypted_fields import decrypt_or_none


class ListedAccount(NamedTuple):
    """An account without its settings and credentials."""

    id: UUID
    name: str
    channels: Sequence[str]
    default_for: Sequence[str]
    is_active: bool
    limits: Limits


_LISTED: Final = [getattr(SendingAccount, name) for name in ListedAccount._fields if name != "limits"]
_LIMITS: Final = tuple(one.name for one in fields(Limits))


@cache_per_version
def accounts_of(session: Session, clinic: ClinicContext) -> Sequence[ListedAccount]:
    """Return the clinic's accounts by name."""
    return list_accounts_of(session, clinic.id)


def list_accounts_of(session: Session, clinic_id: UUID) -> Sequence[ListedAccount]:
    """Return the clinic's accounts by name, as stored now."""
    columns = (*_LISTED, *(getattr(SendingAccount, name) for name in _LIMITS))
    mine = select(*columns).where(SendingAccount.clinic_id == clinic_id).order_by(SendingAccount.name)
    return [_listed(row) for row in session.execute(mine).mappings()]


def _listed(row: RowMapping) -> ListedAccount:
    limits = Limits(**{name: row[name] for name in _LIMITS})
    return ListedAccount(limits=limits, **{column.key: row[column] for column in _LISTED})


def load_accounts(session: Session, account_ids: Collection[UUID], *, lock: bool) -> Mapping[UUID, Account]:
    """Return accounts with their credentials, by id. `lock`: until the commit no other transaction counts messages."""
    wanted = select(SendingAccount.__table__).where(SendingAccount.id.in_(account_ids)).order_by(SendingAccount.id)
    found = session.execute(wanted.with_for_update(key_share=True) if lock else wanted)
    return {row.id: _account(row.id, row.kind, row.settings, row.sealed) for row in found}


def account_of(row: SendingAccount) -> Account:
    """Return an account as channels use it, with its credentials decrypted."""
    return _account(row.id, row.kind, row.settings, row.sealed)


def _account(account_id: UUID, kind: str, settings: dict[str, object], sealed: bytes | None) -> Account:
    credentials = decrypt_or_none(SendingAccount, account_id, sealed)["credentials"]
    return Account(account_id, kind, settings, orjson.loads(credentials or "{}"))
