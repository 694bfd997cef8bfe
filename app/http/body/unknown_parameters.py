"""Unknown parameters: refused, not ignored, so that a mistyped filter does not return everything."""

from collections.abc import Callable
from typing import Any

from flask import request

from app.core.validation.json_pointer import pointer
from app.errors import FieldError, Invalid
from app.http.body.json_body import read_body


def declare_reads_query(view: Any) -> Any:
    """Declare that a view reads the query."""
    view.reads_query = True
    return view


def declare_reads_body(view: Any) -> Any:
    """Declare that a view reads the body."""
    view.reads_body = True
    return view


def unknown_parameter_check(view: object) -> Callable[[], None]:
    """Return a check that raises Invalid if a call has a query or body that the view does not read.

    An empty JSON object counts as no body.
    """
    reads_query, reads_body = getattr(view, "reads_query", False), getattr(view, "reads_body", False)

    def refuse() -> None:
        if request.query_string and not reads_query:
            raise Invalid(*(FieldError(pointer(name), "Unknown field.") for name in request.args))
        if request.content_length and not reads_body and read_body() != {}:
            raise Invalid.at("", "This route does not take a body.")

    return refuse
