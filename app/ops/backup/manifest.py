"""Manifest of a backup: what the file contains, and which keys are needed to read it."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Final

from sqlalchemy import Connection, text

from app import clock
from app.audit.hash_chain import ChainHead, chain_heads
from app.core.type_aliases import JsonDict
from app.ops.backup.errors import CannotRestore
from app.ops.stack.migrations import newest_revision
from app.security.key_fingerprints import KeyRecord, key_fingerprints, key_records

FORMAT: Final = 1
LEFT_OUT: Final = "holds"  # a restored system gets a hold of its own

_TABLES: Final = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND relname <> :left_out ORDER BY relname"
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of a backup. `counts` maps each table to its number of rows."""

    format: int
    relance: str  # version of the code
    migration: str
    postgres: int  # major version of the server
    made_at: str  # RFC 3339
    counts: dict[str, int]
    keys: list[KeyRecord]  # none of their values is in the file
    audit: list[ChainHead] = field(default_factory=list)  # the newest link of each clinic's audit log

    def to_json(self) -> str:
        """Return the manifest as JSON text."""
        lists = {"keys": [key._asdict() for key in self.keys], "audit": [head._asdict() for head in self.audit]}
        return json.dumps({**asdict(self), **lists}, indent=2)

    @property
    def time(self) -> datetime:
        """The time of the backup."""
        return datetime.fromisoformat(self.made_at)


def describe_database(connection: Connection) -> Manifest:
    """Return the manifest of the database, as the snapshot of this transaction shows it."""
    return Manifest(
        format=FORMAT,
        relance=version("relance"),
        migration=str(connection.scalar(text("SELECT version_num FROM alembic_version"))),
        postgres=server_major(connection),
        made_at=clock.now().isoformat(),
        counts=_counts(connection),
        keys=key_records(connection),
        audit=chain_heads(connection),
    )


def server_major(connection: Connection) -> int:
    """Return the major version of the server."""
    return int(connection.scalar(text("SHOW server_version_num"))) // 10_000


def _counts(connection: Connection) -> dict[str, int]:
    tables = connection.scalars(_TABLES, {"left_out": LEFT_OUT}).all()
    return {table: connection.scalar(text(f'SELECT count(*) FROM public."{table}"')) or 0 for table in tables}  # noqa: S608


def parse_manifest(content: bytes) -> Manifest:
    """Return the manifest in a file. Raises CannotRestore (when its format is another one)."""
    given: JsonDict = json.loads(content)
    if given.get("format") != FORMAT:
        raise CannotRestore(f"the backup has the format {given.get('format')}; this version reads format {FORMAT}")
    keys = [KeyRecord(**key) for key in given["keys"]]
    return Manifest(**{**given, "keys": keys, "audit": [ChainHead(**head) for head in given.get("audit", [])]})


def check_manifest(manifest: Manifest) -> list[str]:
    """Check the version and the keys. Returns warnings about keys that differ and are not needed to read the data.

    Raises CannotRestore.
    """
    if manifest.migration > (newest := newest_revision() or ""):
        raise CannotRestore(
            f"the backup is of a newer version: its schema is {manifest.migration}, this code knows {newest}"
        )
    own = key_fingerprints()
    different = [key for key in manifest.keys if own.get(key.name) != key.fingerprint]
    if needed := [_describe(key, own.get(key.name)) for key in different if key.is_needed]:
        raise CannotRestore(f"the keys are not those of the backup: {'; '.join(needed)}. Nothing was written")
    return [_describe(key, own.get(key.name)) for key in different]


def _describe(key: KeyRecord, own: str | None) -> str:
    here = f"here it is {own}" if own else "here it is missing"
    return f"{key.name} has the fingerprint {key.fingerprint} in the backup, {here}"
