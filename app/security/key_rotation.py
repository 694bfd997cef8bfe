"""Key rotation: encrypt existing values again with the current key, in small transactions while the system runs.

`audit_changes` is never rewritten, because the hash chain of the audit log covers its encrypted values. Keep its keys
as long as its rows. Idempotency records expire after a day.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import model_of
from app.core.type_aliases import JsonDict
from app.security.encrypted_fields import encrypted_fields_of
from app.security.encryption import DecryptionError, current_key_name, decrypt_json, encrypt_json, encryption_context

BATCH_SIZE: Final = 500


class EncryptedColumn(NamedTuple):
    """An encrypted column: its table, the primary key columns, the column itself, and the rows in memory at once."""

    table: str
    key: Sequence[str]
    column: str = "sealed"
    batch: int = BATCH_SIZE

    def context(self, row: Any) -> str:
        """Return the encryption context of the row's value."""
        return encryption_context(self.table, self.column, *(getattr(row, name) for name in self.key))


ENCRYPTED_COLUMNS: Final = (
    EncryptedColumn("leads", ["id"]),
    EncryptedColumn("lead_activities", ["id"]),
    EncryptedColumn("legal_holds", ["id"]),
    EncryptedColumn("notifications", ["id"]),
    EncryptedColumn("gateways", ["id"]),
    EncryptedColumn("inbound_emails", ["id"]),
    EncryptedColumn("inbound_raw_emails", ["id"], batch=5),  # up to 33 MB each
    EncryptedColumn("inbound_texts", ["id"]),
    EncryptedColumn("inbound_hooks", ["id"]),
    EncryptedColumn("mailboxes", ["id"]),
    EncryptedColumn("sending_accounts", ["id"]),
    EncryptedColumn("notice_destinations", ["id"]),
    EncryptedColumn("sign_ins", ["id"]),
    EncryptedColumn("job_items", ["job_id", "position"], "lead_sealed"),
    EncryptedColumn("import_rows", ["import_id", "position"], "cells_sealed"),
)
# Never rewritten: the audit log, and rows that expire after a day.
_NOT_ROTATED: Final = (EncryptedColumn("audit_changes", ["entry"]), EncryptedColumn("kept_answers", ["key"], "body"))


def key_usage(session: Session) -> list[JsonDict]:
    """Return the number of values by table and key: `{"table", "key", "values", "is_current"}` each."""
    return [
        {"table": encrypted.table, "key": row.name, "values": row.number, "is_current": row.name == current_key_name()}
        for encrypted in (*ENCRYPTED_COLUMNS, *_NOT_ROTATED)
        for row in session.execute(_usage(encrypted))
    ]


def keys_in_use(session: Session) -> set[str]:
    """Return the names of the keys of values that `reencrypt` can rewrite. These keys are still needed."""
    return {row.name for encrypted in ENCRYPTED_COLUMNS for row in session.execute(_usage(encrypted))}


class ReencryptedBatch(NamedTuple):
    """The result of one batch: rows encrypted again, rows that do not decrypt, and the last primary key (None: end)."""

    done: int
    unreadable: int
    after: Sequence[Any] | None


def reencrypt(
    session: Session, encrypted: EncryptedColumn, *, after: Sequence[Any] | None, every: bool
) -> ReencryptedBatch:
    """Encrypt the next rows after this primary key with the current key.

    With `every`, also rows that use the current key. Blind indexes are computed again. Rows that do not decrypt stay
    unchanged.
    """
    given = {f"after_{name}": value for name, value in zip(encrypted.key, after or (), strict=False)}
    mine = b"" if every else f"{current_key_name()}:".encode()
    found = session.execute(
        _next(encrypted, is_first=after is None), {**given, "mine": mine, "most": encrypted.batch}
    ).all()
    if not found:
        return ReencryptedBatch(0, 0, None)
    if changed := [new for row in found if (new := _reencrypted(encrypted, row))]:
        session.execute(_update(encrypted), changed)
    last = tuple(getattr(found[-1], name) for name in encrypted.key)
    return ReencryptedBatch(len(changed), len(found) - len(changed), last)


def _reencrypted(encrypted: EncryptedColumn, row: Any) -> JsonDict | None:
    try:
        values = decrypt_json(row.value, context=encrypted.context(row))
    except DecryptionError:
        return None
    indexes: JsonDict = {}
    for name, field in encrypted_fields_of(model_of(encrypted.table)).items():
        if field.blind_columns():
            indexes |= field.blind_indexes(row.clinic_id, values.get(name))
    key = {name: getattr(row, name) for name in encrypted.key}
    return {**key, **indexes, "value": encrypt_json(values, context=encrypted.context(row))}


def _indexes(encrypted: EncryptedColumn) -> Sequence[str]:
    fields = encrypted_fields_of(model_of(encrypted.table)).values()
    return [column for field in fields for column in field.blind_columns()]


def _usage(encrypted: EncryptedColumn) -> Any:
    table, column = encrypted.table, encrypted.column
    name = f"convert_from(substring({column} FROM 1 FOR position('\\x3a'::bytea IN {column}) - 1), 'UTF8')"
    return text(
        f"SELECT {name} AS name, count(*) AS number FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608  (fixed names)
        " GROUP BY 1 ORDER BY 1"
    )


def _next(encrypted: EncryptedColumn, *, is_first: bool) -> Any:
    key, column = ", ".join(encrypted.key), encrypted.column
    beyond = "" if is_first else f"AND ({key}) > ({', '.join(f':after_{name}' for name in encrypted.key)})"
    columns = [*encrypted.key, *(["clinic_id"] if _indexes(encrypted) else []), f"{column} AS value"]
    with_another = f"substring({column} FROM 1 FOR length(CAST(:mine AS bytea))) <> :mine"
    return text(
        f"SELECT {', '.join(columns)} FROM {encrypted.table} WHERE {column} IS NOT NULL"  # noqa: S608  (as above)
        f" AND (:mine = ''::bytea OR {with_another}) {beyond} ORDER BY {key} LIMIT :most FOR NO KEY UPDATE"
    )


def _update(encrypted: EncryptedColumn) -> Any:
    changes = [f"{encrypted.column} = :value", *(f"{name} = :{name}" for name in _indexes(encrypted))]
    these = " AND ".join(f"{name} = :{name}" for name in encrypted.key)
    return text(f"UPDATE {encrypted.table} SET {', '.join(changes)} WHERE {these}")  # noqa: S608  (as above)
