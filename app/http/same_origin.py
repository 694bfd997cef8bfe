"""Protection of cookie routes against cross-site request forgery (CSRF).

A form or image of another site cannot set the header, and its script may not: the API answers no CORS preflight. The
check of `Origin` is a second, independent one.
"""

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import request

from app.config import get_settings
from app.core.type_aliases import JsonDict
from app.errors import Forbidden

P = ParamSpec("P")
R = TypeVar("R")

HEADER: Final = "X-Relance-Console"
DOCUMENTATION: Final[JsonDict] = {
    "in": "header",
    "name": HEADER,
    "required": True,
    "description": "Any value. Other sites cannot send it.",
    "schema": {"type": "string", "minLength": 1},
}


class CrossSiteRequest(Forbidden):
    """This route is for pages of this server: the header X-Relance-Console or a matching Origin is missing."""


def same_origin(view: Callable[P, R]) -> Callable[P, R]:
    """Refuse calls from pages of other sites. The view raises CrossSiteRequest (403)."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if not request.headers.get(HEADER) or not _is_own_page():
            raise CrossSiteRequest
        return view(*args, **kwargs)

    return guarded


def _is_own_page() -> bool:
    """Whether the browser names this host as the origin. All browsers send `Origin` with a POST or DELETE."""
    origin = urlsplit(request.headers.get("Origin", "")).netloc
    return origin != "" and origin in {request.host, urlsplit(get_settings().public_url).netloc}
