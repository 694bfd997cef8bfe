"""What a route does not read is refused, not dropped: a mistyped filter must not look like one that found all."""

from collections.abc import Callable
from typing import Any

from flask import request

from app.core.validation.json_pointer import pointer
from app.errors import FieldError, Invalid
from app.http.body.json_body import read_body


def mark_query(view: Any) -> Any:
    """Say of a view that it reads the query."""
    view.reads_query = True
    return view


def mark_body(view: Any) -> Any:
    """Say of a view that it reads the body."""
    view.reads_body = True
    return view


def surplus_of(view: Any) -> Callable[[], None]:
    """What refuses, at each call, a query or body that this view does not read. An empty object is no body."""
    reads_query, reads_body = getattr(view, "reads_query", False), getattr(view, "reads_body", False)

    def refuse() -> None:
        if request.query_string and not reads_query:
            raise Invalid(*(FieldError(pointer(name), "Unknown field.") for name in request.args))
        if request.content_length and not reads_body and read_body() != {}:
            raise Invalid.at("", "Nothing is read from a body here.")

    return refuse
