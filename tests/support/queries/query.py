"""Type of a query and helpers for lists."""

from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from tests.support.large_clinic import LargeClinic

Query: TypeAlias = tuple[Callable[[Session, LargeClinic], object], set[str]]  # a call, and indexes that it uses
PAGE = {"limit": 50}


def page_of(list_rows: Callable[..., Any], **query: Any) -> Callable[[Session, LargeClinic], object]:
    """Read the first two pages."""

    def read_pages(session: Session, large: LargeClinic) -> None:
        given = {**PAGE, **{name: value(large) if callable(value) else value for name, value in query.items()}}
        first = list_rows(session, large, given)
        assert first.items
        if first.next_cursor:
            list_rows(session, large, {**given, "cursor": first.next_cursor})

    return read_pages
