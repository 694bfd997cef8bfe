"""A clinic's published sequences, cached per version, and single sequence versions, cached for ever."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app.engine.sequences.models import SequenceRow, SequenceVersion
from app.engine.sequences.sequence import Sequence, read_sequence
from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext

VersionKey = tuple[UUID, int]  # sequence id and version number
MAX_CACHED_VERSIONS: Final = 2000  # per process; a version that was dropped is read again


@dataclass(frozen=True, slots=True)
class PublishedSequences:
    """A clinic's published sequences by slug, and the ids of the active ones."""

    by_slug: Mapping[str, Sequence] = field(default_factory=dict)
    active: frozenset[UUID] = frozenset()
    has_colleague_exits: bool = False

    def __bool__(self) -> bool:
        return bool(self.by_slug)

    @property
    def active_sequences(self) -> list[Sequence]:
        """Sequences that enroll leads."""
        return [one for one in self.by_slug.values() if one.id in self.active]


@cache_per_version
def sequences_of(session: Session, clinic: ClinicContext) -> PublishedSequences:
    """Return the clinic's published sequences. New enrollments use these versions."""
    columns = (SequenceRow.id, SequenceRow.definition, SequenceRow.published, SequenceRow.active)
    there = (SequenceRow.clinic_id == clinic.id, SequenceRow.deleted_at.is_(None), SequenceRow.published.is_not(None))
    rows = session.execute(select(*columns).where(*there).order_by(SequenceRow.id)).all()
    found = [read_sequence(row.definition, id=row.id, version=row.published) for row in rows]
    active = frozenset(row.id for row in rows if row.active)
    return PublishedSequences({one.slug: one for one in found}, active, any(one.colleague_key for one in found))


_versions: OrderedDict[VersionKey, Sequence] = OrderedDict()


def sequence_versions(session: Session, keys: Collection[VersionKey]) -> Mapping[VersionKey, Sequence]:
    """Return these versions by key. Published versions never change, so they are cached."""
    missing = {key for key in keys if key not in _versions}
    columns: Any = (SequenceVersion.sequence_id, SequenceVersion.number, SequenceVersion.definition)
    if missing:
        wanted = select(*columns).where(tuple_(SequenceVersion.sequence_id, SequenceVersion.number).in_(missing))
        for id_, number, definition in session.execute(wanted):
            _versions[id_, number] = read_sequence(definition, id=id_, version=number)
    found = {key: _versions[key] for key in keys if key in _versions}
    while len(_versions) > MAX_CACHED_VERSIONS:
        _versions.popitem(last=False)
    return found
