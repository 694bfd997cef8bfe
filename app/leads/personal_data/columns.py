"""The kinds of declarations of a column."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from app.leads.fields import Merged

# The lead, and its merged duplicates.
LEAD_IDS_SQL: Final = "SELECT id FROM leads WHERE id = :lead OR merged_into_id = :lead"
OF_LEAD: Final = f"t.lead_id IN ({LEAD_IDS_SQL})"
OF_MESSAGE: Final = f"t.notification_id IN (SELECT n.id FROM notifications n WHERE n.lead_id IN ({LEAD_IDS_SQL}))"  # noqa: S608  (constants)


class Erased(StrEnum):
    """How an erasure handles a value."""

    STAYS = "stays"  # `because` has the reason
    REPLACED = "replaced"  # by `value`
    WITH_ROW = "with_row"  # the row is deleted
    IF_NAMED = "if_named"  # replaced where it names the person; no column links the row to the lead


class Rows(StrEnum):
    """How a merge handles the duplicate's rows of a table."""

    MOVED = "moved"  # they get the survivor's id
    MOVED_BY_CODE = "moved_by_code"  # so do they, by code of their own
    WITH_PARENT = "with_parent"  # they belong to rows that move
    KEPT = "kept"  # they keep the duplicate's id; `because` has the reason


@dataclass(frozen=True, slots=True)
class Column:
    """Declaration of one column, or of one encrypted field."""

    erased: Erased
    value: str = "NULL"  # SQL of the new value, for REPLACED
    because: str = ""
    merged: Merged | None = None  # for `leads`; rows of other tables move as a whole
    merged_because: str = ""
    is_exported: bool = True


Columns: TypeAlias = Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Table:
    """Declaration of one table.

    `rows` is SQL that selects the person's rows of `t` for the lead `:lead`. None: no row belongs to one person.
    """

    columns: Columns
    rows: str | None = None
    is_deleted: bool = False  # an erasure deletes the person's rows
    merged: Rows | None = None
    merged_because: str = ""


def stays(
    names: str, *, because: str, merged: Merged | None = None, merged_because: str = "", is_exported: bool = True
) -> Columns:
    """Declare columns that an erasure keeps."""
    column = Column(
        Erased.STAYS, because=because, merged=merged, merged_because=merged_because, is_exported=is_exported
    )
    return dict.fromkeys(names.split(), column)


def replaced(
    names: str,
    *,
    by: str = "NULL",
    merged: Merged | None = None,
    merged_because: str = "",
    is_exported: bool = True,
) -> Columns:
    """Declare columns whose value an erasure replaces by the SQL value `by`."""
    column = Column(Erased.REPLACED, by, merged=merged, merged_because=merged_because, is_exported=is_exported)
    return dict.fromkeys(names.split(), column)


def with_row(names: str, *, is_exported: bool = True) -> Columns:
    """Declare columns of rows that an erasure deletes."""
    return dict.fromkeys(names.split(), Column(Erased.WITH_ROW, is_exported=is_exported))


def if_named(names: str) -> Columns:
    """Declare columns whose value an erasure replaces where it names the person. See `privacy.unlinked`."""
    return dict.fromkeys(names.split(), Column(Erased.IF_NAMED, is_exported=False))
