"""Bodies that are larger than a form: imports."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import request

from app.config import get_settings
from app.http.access import let_go
from app.http.body.json_body import read_ahead

P = ParamSpec("P")
R = TypeVar("R")


def large_body(view: Callable[P, R]) -> Callable[P, R]:
    """Let a route take a body of MAX_IMPORT_BYTES. Stands above `@blp.arguments`, below `@allow`."""

    @wraps(view)
    def wide(*args: P.args, **kwargs: P.kwargs) -> R:
        request.max_content_length = get_settings().max_import_bytes
        let_go()  # such a body may take its time: no connection is held, no transaction open meanwhile
        read_ahead()
        return view(*args, **kwargs)

    return wide
