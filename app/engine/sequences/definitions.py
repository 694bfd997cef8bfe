"""A clinic's sequences, read once for each version of them; and their texts, each of which is read once for ever."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app.engine.sequences.models import Sequence as SequenceRow
from app.engine.sequences.models import SequenceVersion
from app.engine.sequences.sequence import Sequence, read_sequence
from app.engine.version_cache import once_for_each_version
from app.identity.clinic_context import ClinicContext

TextKey = tuple[UUID, int]  # a sequence's id, and the number of the version
MOST_TEXTS: Final = 2000  # of a process; a text that is read again costs a query


@dataclass(frozen=True, slots=True)
class Sequences:
    """What a clinic has published: by slug, and which of it is switched on."""

    by_slug: Mapping[str, Sequence] = field(default_factory=dict)
    active: frozenset[UUID] = frozenset()
    watches_colleagues: bool = False

    def __bool__(self) -> bool:
        return bool(self.by_slug)

    @property
    def switched_on(self) -> list[Sequence]:
        """Those that enroll."""
        return [one for one in self.by_slug.values() if one.id in self.active]


@once_for_each_version
def sequences_of(session: Session, clinic: ClinicContext) -> Sequences:
    """The clinic's published sequences, as new enrollments get them."""
    columns = (SequenceRow.id, SequenceRow.definition, SequenceRow.published, SequenceRow.active)
    there = (SequenceRow.clinic_id == clinic.id, SequenceRow.deleted_at.is_(None), SequenceRow.published.is_not(None))
    rows = session.execute(select(*columns).where(*there).order_by(SequenceRow.id)).all()
    found = [read_sequence(row.definition, id=row.id, version=row.published) for row in rows]
    active = frozenset(row.id for row in rows if row.active)
    return Sequences({one.slug: one for one in found}, active, any(one.colleague_key for one in found))


_known: OrderedDict[TextKey, Sequence] = OrderedDict()


def texts_of(session: Session, keys: Collection[TextKey]) -> Mapping[TextKey, Sequence]:
    """These versions; what was published never changes, so what was read of it is kept."""
    missing = {key for key in keys if key not in _known}
    columns: Any = (SequenceVersion.sequence_id, SequenceVersion.number, SequenceVersion.definition)
    if missing:
        wanted = select(*columns).where(tuple_(SequenceVersion.sequence_id, SequenceVersion.number).in_(missing))
        for id_, number, definition in session.execute(wanted):
            _known[id_, number] = read_sequence(definition, id=id_, version=number)
    found = {key: _known[key] for key in keys if key in _known}
    while len(_known) > MOST_TEXTS:
        _known.popitem(last=False)
    return found
