"""Large request bodies, for imports and bulk operations."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import request

from app.config import get_settings
from app.http.access import end_transaction
from app.http.body.json_body import read_ahead

P = ParamSpec("P")
R = TypeVar("R")


def large_body(view: Callable[P, R]) -> Callable[P, R]:
    """Allow a body of MAX_IMPORT_BYTES. Put it above `@blp.arguments` and below `@allow`."""

    @wraps(view)
    def wide(*args: P.args, **kwargs: P.kwargs) -> R:
        request.max_content_length = get_settings().max_import_bytes
        end_transaction()  # a slow upload must not hold a connection or an open transaction
        read_ahead()
        return view(*args, **kwargs)

    return wide
