"""Versioned definitions of rules and sequences: the published version, earlier versions, and an optional draft.

A row (rule or sequence) owns its versions. It has a `slug`, the published `definition` and its number, `published`.
Every function takes the session first. The caller commits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.automation.setup_warnings import load_warnings
from app.automation.version_responses import row_response, version_response
from app.clock import now
from app.core.db import AnySelect, new_id
from app.core.json_diff import json_diff
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Key
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all, valid_part
from app.engine.statistics.outcome_statistics import Series, reset_counts
from app.engine.steps.waiting import paused, wake
from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import bump_rules_version

OWN: Final = ""  # the `playbook` of rows that no playbook installed
RESUME_WITHIN: Final = timedelta(minutes=15)  # all steps that waited while a rule or sequence was paused
_SETTINGS: Final = frozenset({"is_active", "is_draft"})  # not part of a definition

Owner = TypeVar("Owner", bound=Any)


@dataclass(frozen=True, slots=True)
class VersionedDefinitions(Generic[Owner]):
    """Versions of one kind of row. `word`: its name in error messages; `key`: the version's foreign key column."""

    word: str
    owner: type[Owner]
    version: type[Any]
    key: str
    require_valid: Callable[[Session, ClinicContext, JsonObject], None]
    name_taken: type[Conflict]
    nothing_to_publish: type[Conflict]

    def of_clinic(self, clinic_id: UUID) -> AnySelect:
        """Select the clinic's rows that are not deleted."""
        return select(self.owner).where(self.owner.clinic_id == clinic_id, self.owner.deleted_at.is_(None))

    def matching(self, actor: Actor, query: JsonObject) -> AnySelect:
        """Select the clinic's rows that match the filter `is_active`, if the query has it."""
        rows = self.of_clinic(actor.clinic.id)
        if "is_active" in query:
            rows = rows.where(self.owner.active if query["is_active"] else ~self.owner.active)
        return rows

    @property
    def by_name(self) -> list[Key]:
        """The sort order of lists."""
        return [(self.owner.slug, "asc"), (self.owner.id, "asc")]

    def find(self, session: Session, actor: Actor, row_id: UUID, *, lock: bool = False) -> Owner:
        """Return the clinic's row with this id, locked on request. Raises NotFound."""
        wanted = self.of_clinic(actor.clinic.id).where(self.owner.id == row_id)
        row: Owner | None = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
        if row is None:
            raise NotFound
        return row

    def create(self, session: Session, actor: Actor, data: JsonObject) -> Owner:
        """Create a row with its first definition, published or as a draft.

        `data` holds the definition's parts, `is_active` and `is_draft`. Raises Invalid, and `name_taken` (a Conflict).
        """
        definition = {name: value for name, value in data.items() if name not in _SETTINGS and value is not None}
        self.require_valid(session, actor.clinic, definition)
        at, is_draft = now(), data["is_draft"]
        row: Owner = self.owner(
            id=new_id(),
            clinic_id=actor.clinic.id,
            playbook=OWN,
            slug=definition["name"],
            definition=None if is_draft else definition,
            published=None if is_draft else 1,
            active=data["is_active"] and not is_draft,
            created_at=at,
            updated_at=at,
            updated_by=actor.user_id,
            version=1,
        )
        session.add(row)
        self._flush(session)
        session.add(self._new_version(actor, row, definition, number=row.published))
        bump_rules_version(session, actor.clinic.id)
        return row

    def check_new(self, session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
        """Check the definition of a new row. Raises Invalid with every error."""
        parts = {name: value for name, value in valid_part(data).items() if name not in _SETTINGS and value is not None}
        self.require_valid(session, actor.clinic, parts)

    def check_change(self, session: Session, actor: Actor, data: JsonObject, /, **path: UUID) -> None:
        """Check the changed definition of the row that the path names. Raises Invalid, NotFound."""
        [row_id] = path.values()
        row = self.find(session, actor, row_id)
        parts = {name: value for name, value in valid_part(data).items() if name not in _SETTINGS}
        check_all(
            lambda: self._require_same_name(row, parts),
            lambda: self.require_valid(session, actor.clinic, {**self._changed(session, row, parts), "name": row.slug}),
        )

    def _require_same_name(self, row: Owner, parts: JsonObject) -> None:
        if parts.get("name", row.slug) != row.slug:
            raise Invalid.at("/name", f"The name of a {self.word} cannot be changed: steps and reports refer to it.")

    def begin_change(self, session: Session, actor: Actor, row_id: UUID, seen: SeenVersions) -> Owner:
        """Return the row, locked. Raises NotFound, ChangedMeanwhile (when its version is not in `seen`)."""
        row = self.find(session, actor, row_id, lock=True)
        require_version(row, seen)
        return row

    def change(self, session: Session, actor: Actor, row: Owner, data: JsonObject, *, note: str | None = None) -> None:
        """Replace the parts in `data`, in a new version or in the draft. A null removes a part.

        `note`: why, if no user asked for it. Raises Invalid.
        """
        parts = {name: value for name, value in data.items() if name not in _SETTINGS}
        self._require_same_name(row, parts)
        if parts or data.get("is_draft"):
            is_draft = data.get("is_draft", False)
            self._write(session, actor, row, self._changed(session, row, parts), is_draft=is_draft, note=note)

    def set_active(self, session: Session, row: Owner, *, is_active: bool) -> None:
        """Activate or deactivate the row. The circuit breaker then counts failures from zero.

        Raises Conflict when there is no published version to activate.
        """
        if is_active and row.published is None:
            raise self.nothing_to_publish(f"Publish the {self.word} before it is switched on.")
        if is_active and row.paused_because is not None:
            reset_counts(session, Series(row.clinic_id, row.slug))
        row.active, row.paused_because = is_active, None

    def publish(self, session: Session, actor: Actor, row_id: UUID, *, seen: SeenVersions) -> Owner:
        """Publish the draft. Raises NotFound, ChangedMeanwhile, Conflict (when there is no draft), Invalid."""
        row = self.begin_change(session, actor, row_id, seen)
        draft = self.draft(session, row)
        if draft is None:
            raise self.nothing_to_publish
        self.require_valid(session, actor.clinic, draft.definition)
        is_first = row.published is None
        draft.number = self._next_number(session, row)
        row.definition, row.published = draft.definition, draft.number
        row.active = row.active or is_first
        return self.save(session, actor, row)

    def roll_back(self, session: Session, actor: Actor, row_id: UUID, number: int, *, seen: SeenVersions) -> Owner:
        """Publish an earlier version again, as a new version. Raises NotFound, ChangedMeanwhile, Invalid."""
        row = self.begin_change(session, actor, row_id, seen)
        self._write(session, actor, row, self._numbered(session, row, number).definition, is_draft=False)
        return self.save(session, actor, row)

    def write_published(self, session: Session, actor: Actor, row: Owner, definition: JsonDict) -> None:
        """Publish the definition as the next version. A draft stays as it is. Raises Invalid."""
        self.require_valid(session, actor.clinic, definition)
        self._add_version(session, actor, row, definition, number=self._next_number(session, row))

    def save(self, session: Session, actor: Actor, row: Owner) -> Owner:
        """Save the changed row. After the commit every process reloads the clinic's rules.

        Steps that waited for the end of a pause look again, spread over time, because the cause may still be there.
        """
        row.updated_at, row.updated_by = now(), actor.user_id
        row.version += 1
        session.flush()
        bump_rules_version(session, actor.clinic.id)
        if row.paused_because is None or row.deleted_at is not None:
            wake(session, [paused(row.slug)], clinic_id=row.clinic_id, spread=RESUME_WITHIN)
        return row

    def list_versions(self, session: Session, actor: Actor, row_id: UUID) -> list[JsonDict]:
        """Return every version as `VersionOut` describes it: the draft first, then the newest. Raises NotFound."""
        row = self.find(session, actor, row_id)
        versions = session.scalars(self._versions_of(row).order_by(self.version.number.desc().nulls_first()))
        return [version_response(row, version) for version in versions]

    def compare(self, session: Session, actor: Actor, row_id: UUID, query: JsonObject) -> JsonDict:
        """Compare two versions; by default the published one with the draft, else the previous with the published one.

        Returns the numbers `before` and `after`, and a list of `differences`. A first version is compared with nothing:
        `before` is None. Raises NotFound.
        """
        row = self.find(session, actor, row_id)
        newest = self.draft(session, row) or self._numbered(session, row, row.published)
        after = self._numbered(session, row, query["after"]) if "after" in query else newest
        before = (
            self._numbered(session, row, query["before"]) if "before" in query else self._before(session, row, after)
        )
        return {
            "before": before and before.number,
            "after": after.number,
            "differences": list(json_diff(before.definition if before else {}, after.definition)),
        }

    def draft(self, session: Session, row: Owner) -> Any:
        """Return the row's draft, if it has one."""
        return session.scalars(self._versions_of(row).where(self.version.number.is_(None))).one_or_none()

    def to_responses(self, session: Session, rows: Sequence[Owner]) -> list[JsonDict]:
        """Return rows as JSON objects with the published definition and the draft, in the given order."""
        if not rows:
            return []
        key = getattr(self.version, self.key)
        drafts = select(key, self.version.definition).where(
            key.in_([row.id for row in rows]), self.version.number.is_(None)
        )
        drafted = {owner_id: definition for owner_id, definition in session.execute(drafts)}  # noqa: C416
        warnings_of = load_warnings(session, rows[0].clinic_id)
        return [
            row_response(row, drafted.get(row.id), warnings_of(drafted.get(row.id) or row.definition)) for row in rows
        ]

    def _versions_of(self, row: Owner) -> AnySelect:
        return select(self.version).where(getattr(self.version, self.key) == row.id)

    def _numbered(self, session: Session, row: Owner, number: int | None) -> Any:
        found = session.scalars(
            self._versions_of(row).where(self.version.number.is_not_distinct_from(number))
        ).one_or_none()
        if found is None:
            raise NotFound
        return found

    def _before(self, session: Session, row: Owner, version: Any) -> Any:
        """Return the published version; for the published version itself the one before it. None if there is none."""
        if row.published is None:
            return None
        if row.published != version.number:
            return self._numbered(session, row, row.published)
        earlier = self._versions_of(row).where(self.version.number < version.number)
        return session.scalars(earlier.order_by(self.version.number.desc()).limit(1)).one_or_none()

    def _changed(self, session: Session, row: Owner, parts: JsonObject) -> JsonDict:
        """Return the draft, else the published definition, with these parts replaced."""
        draft = self.draft(session, row)
        definition = {**((draft.definition if draft else row.definition) or {}), **parts}
        return {name: value for name, value in definition.items() if value is not None}

    def _write(
        self,
        session: Session,
        actor: Actor,
        row: Owner,
        definition: JsonDict,
        *,
        is_draft: bool,
        note: str | None = None,
    ) -> None:
        self.require_valid(session, actor.clinic, definition)
        if draft := self.draft(session, row):
            session.delete(draft)
        session.flush()
        number = None if is_draft else self._next_number(session, row)
        self._add_version(session, actor, row, definition, number=number, note=note)

    def _add_version(
        self,
        session: Session,
        actor: Actor,
        row: Owner,
        definition: JsonDict,
        *,
        number: int | None,
        note: str | None = None,
    ) -> None:
        version = self._new_version(actor, row, definition, number=number)
        version.note = note
        session.add(version)
        if number is not None:
            row.definition, row.published = definition, number

    def _next_number(self, session: Session, row: Owner) -> int:
        of_row = getattr(self.version, self.key) == row.id
        return (session.scalar(select(func.max(self.version.number)).where(of_row)) or 0) + 1

    def _new_version(self, actor: Actor, row: Owner, definition: JsonDict, *, number: int | None) -> Any:
        return self.version(
            id=new_id(),
            clinic_id=row.clinic_id,
            number=number,
            definition=definition,
            created_at=now(),
            created_by=actor.user_id,
            **{self.key: row.id},
        )

    def _flush(self, session: Session) -> None:
        try:
            session.flush()
        except IntegrityError:
            raise self.name_taken from None
