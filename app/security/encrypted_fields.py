"""Encrypted fields: the encrypted values of a row are stored together in its column `sealed`.

They are bound to their row (see app/security/encryption.py): copied into another row, they do not decrypt. A field that
is searched by value has a blind index: a keyed hash in its own column. Equal values have equal hashes. The blind index
of a field that is searched by its words has the search keys of all words.

A field with aliases has a second blind index, of the main form of an alias: `a.na@gmail.com` is `ana@gmail.com`.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final, TypeAlias
from uuid import UUID

import structlog

from app.core.db import Base
from app.core.key_derivation import blind_index_key, blind_index_keys
from app.core.type_aliases import ColumnDict, ColumnValues, JsonDict, JsonObject
from app.security.encryption import DecryptionError, decrypt_json, encrypt_json, encryption_context
from app.security.search_keys import TextKind, word_keys

log = structlog.get_logger()

BLIND_INDEX_SUFFIX: Final = "_blind"  # suffix of the blind index column, after the field's name
MAIN_FORM_SUFFIX: Final = "_main_blind"  # of the blind index of the main form of an alias
_BLIND_BYTES: Final = 16
_PURPOSE: Final = "blind index"
BlindIndex: TypeAlias = bytes | list[int] | None
Decrypt: TypeAlias = Callable[[type[Base], object, bytes | None], JsonObject]  # model, id of the row, `sealed`


class EncryptedField:
    """A model attribute that is stored encrypted in the column `sealed`. SQL cannot read it.

    `index` names the blind index. Fields with the same name share it: a phone number is the same in both phone fields.
    With `words`, the kind of its text, the blind index has the words of the text. `main_form` returns the value that a
    value is an alias of, or the value itself. `read` converts the stored text. Set the row's id (and `clinic_id`, for a
    blind index) before the field.
    """

    def __init__(
        self,
        *,
        index: str | None = None,
        words: TextKind | None = None,
        main_form: Callable[[str], str] | None = None,
        read: Callable[[str], Any] | None = None,
    ) -> None:
        self.index = index
        self.words = words
        self.main_form = main_form
        self.read = read

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, row: Any, owner: type | None = None) -> Any:
        return self if row is None else _decrypt(type(row), row.id, row.sealed).get(self.name)

    def __set__(self, row: Any, value: Any) -> None:
        values = _decrypt(type(row), row.id, row.sealed)
        if values.get(self.name) == value:
            return
        row.sealed = _encrypt(type(row), row.id, {**values, self.name: value})
        if self.blind_columns():
            for column, index in self.blind_indexes(row.clinic_id, value).items():
                setattr(row, column, index)

    def blind_columns(self) -> Sequence[str]:
        """Return the names of the columns of its blind indexes."""
        if self.index is None and self.words is None:
            return ()
        column = self.name + BLIND_INDEX_SUFFIX
        return (column, self.name + MAIN_FORM_SUFFIX) if self.main_form else (column,)

    def blind_indexes(self, clinic_id: UUID, value: str | None) -> dict[str, BlindIndex]:
        """Return the blind indexes of a value by column. That of the main form is None if the value is no alias."""
        if self.words is not None:
            return {self.name + BLIND_INDEX_SUFFIX: word_keys(clinic_id, self.words, value)}
        values = dict(zip(self.blind_columns(), (value, self._alias_of(value)), strict=False))
        return {column: blind_index(clinic_id, self.index, one) for column, one in values.items()}

    def _alias_of(self, value: str | None) -> str | None:
        if value is None or self.main_form is None:
            return None
        main = self.main_form(value)
        return None if main == value.strip().lower() else main


def encrypt_row(model: type[Base], row: ColumnValues) -> ColumnDict:
    """Return a row to insert: its encrypted fields are replaced by `sealed` and the blind index columns."""
    fields = encrypted_fields_of(model)
    columns = dict(row)
    values = {name: columns.pop(name, None) for name in fields}
    columns["sealed"] = _encrypt(model, row["id"], values)
    for name, field in fields.items():
        if field.blind_columns():
            columns |= field.blind_indexes(row["clinic_id"], values[name])
    return columns


def decrypt_row(model: type[Base], row: Any, *, is_needed: bool = True) -> SimpleNamespace:
    """Return a row of all columns with decrypted fields instead of `sealed` and the blind indexes.

    If decryption fails: raises DecryptionError if `is_needed`, else the fields are None.
    """
    return _decrypted(model, row._fields, row, decrypt_fields if is_needed else decrypt_or_none)


def decrypt_rows(model: type[Base], rows: Iterable[Any]) -> list[Any]:
    """Return rows of all columns of a model with decrypted fields.

    If decryption of a row fails, its fields are None and an error is logged, so that the other rows stay readable.
    """
    found = list(rows)
    if not found or not encrypted_fields_of(model):
        return found
    names = found[0]._fields
    return [_decrypted(model, names, row, decrypt_or_none) for row in found]


def _decrypted(model: type[Base], names: Sequence[str], row: Any, decrypt: Decrypt) -> SimpleNamespace:
    columns = dict(zip(names, row, strict=True))
    sealed = columns.pop("sealed")
    for name in _blind_columns(model):
        del columns[name]
    columns.update(decrypt(model, columns["id"], sealed))
    return SimpleNamespace(**columns)


def decrypt_or_none(model: type[Base], row_id: object, sealed: bytes | None) -> JsonObject:
    """Return the decrypted fields of a row; if decryption fails, log an error and return None for each."""
    try:
        return decrypt_fields(model, row_id, sealed)
    except DecryptionError as problem:
        log.error("encryption.undecryptable", context=str(problem))  # noqa: TRY400  (a traceback adds nothing)
        return dict.fromkeys(encrypted_fields_of(model))


def decrypt_fields(model: type[Base], row_id: object, sealed: bytes | None) -> JsonObject:
    """Return all encrypted fields of a row, decrypted, by name. Raises DecryptionError."""
    return {**_no_fields(model), **_decrypt(model, row_id, sealed)}


def blind_index(clinic_id: UUID, kind: str | None, value: str | None) -> bytes | None:
    """Return the blind index of a value: HMAC-SHA-256, 16 bytes. It ignores case and differs between clinics."""
    return None if value is None else _hashed(blind_index_key(_PURPOSE), clinic_id, kind, value)


def blind_indexes(clinic_id: UUID, kind: str | None, value: str) -> list[bytes]:
    """Return all blind indexes by which rows with the value may be found: `blind_index` first, then by the other keys.

    There are several while BLIND_INDEX_KEY is changed.
    """
    return [_hashed(key, clinic_id, kind, value) for key in blind_index_keys(_PURPOSE)]


def _hashed(key: bytes, clinic_id: UUID, kind: str | None, value: str) -> bytes:
    return hmac.digest(key, f"{clinic_id}:{kind}:{value.strip().lower()}".encode(), hashlib.sha256)[:_BLIND_BYTES]


@lru_cache(maxsize=64)
def encrypted_fields_of(model: type[Base]) -> Mapping[str, EncryptedField]:
    """Return the encrypted fields of a model, by name."""
    return {name: field for name, field in vars(model).items() if isinstance(field, EncryptedField)}


@lru_cache(maxsize=64)
def _no_fields(model: type[Base]) -> Mapping[str, None]:
    return dict.fromkeys(encrypted_fields_of(model))


@lru_cache(maxsize=64)
def _blind_columns(model: type[Base]) -> Sequence[str]:
    return [column for field in encrypted_fields_of(model).values() for column in field.blind_columns()]


def _encrypt(model: type[Base], row_id: object, fields: JsonObject) -> bytes | None:
    values = {name: value for name, value in fields.items() if value is not None}
    return encrypt_json(values, context=encryption_context(model.__tablename__, "sealed", row_id)) if values else None


def _decrypt(model: type[Base], row_id: object, sealed: bytes | None) -> JsonDict:
    if sealed is None:
        return {}
    values: JsonDict = decrypt_json(sealed, context=encryption_context(model.__tablename__, "sealed", row_id))
    for name, read in _readers(model):
        if name in values:
            values[name] = read(values[name])
    return values


@lru_cache(maxsize=64)
def _readers(model: type[Base]) -> Sequence[tuple[str, Callable[[str], Any]]]:
    """Return the fields with a converter, and the converters."""
    return [(name, field.read) for name, field in encrypted_fields_of(model).items() if field.read is not None]
