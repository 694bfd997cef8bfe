"""Kinds of bulk jobs: how to process a chunk, and how to undo a cancelled job. `app.wiring` lists them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.ports import NotConnected
from app.core.type_aliases import JsonObject
from app.engine.jobs.items import ItemResults
from app.engine.jobs.split import Span
from app.identity.clinic_context import ClinicContext

DEFAULT_KIND: Final = "follow_ups"  # kind of a job whose spec names none

ProcessSpan: TypeAlias = Callable[[Session, Span], ItemResults]


class JobRow(Protocol):
    """The row of a job that is processed."""

    @property
    def id(self) -> UUID: ...
    @property
    def clinic_id(self) -> UUID: ...
    @property
    def spec(self) -> JsonObject: ...
    @property
    def created_by(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of job.

    `work_on` reads once per chunk what all its items share, and returns the function that processes a span of them.
    `undo` takes back what a cancelled job has planned, and returns how much. `end` is called once, when all items are
    done.
    """

    name: str
    work_on: Callable[[Session, JobRow, ClinicContext], ProcessSpan]
    undo: Callable[[Session, UUID], int] | None = None
    end: Callable[[Session, JobRow, ClinicContext], None] | None = None


_KINDS: Final[dict[str, JobKind]] = {}


def connect(kinds: Iterable[JobKind]) -> None:
    """Register these kinds of jobs."""
    _KINDS.update({kind.name: kind for kind in kinds})


def kind_of(spec: JsonObject) -> JobKind:
    """Return the kind that the spec of a job names under `makes`. Raises NotConnected."""
    name = spec.get("makes", DEFAULT_KIND)
    if name not in _KINDS:
        raise NotConnected(f"job kind {name}")
    return _KINDS[name]
