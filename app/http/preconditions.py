"""ETag, If-Match and If-None-Match (RFC 9110, section 13).

A tag is the version of the row and a digest of the response. If-Match compares only the version, because related data
(such as a logged call) changes the response without a conflicting edit.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from hashlib import blake2b
from typing import Any, Final

from flask import request

from app.core.optimistic_locking import SeenVersions
from app.errors import RelanceError

NEEDS_IF_MATCH: Final = "x-if-match"  # marks operations that need the header
TAKES_IF_MATCH: Final = "x-if-match-optional"  # marks operations that accept the header
HAS_ETAG: Final = "x-tagged"  # marks operations whose response has an ETag

_TAGS = re.compile(r'"[^"]*"')
_OURS = re.compile(r'(?<!W/)"([0-9]{1,10})(?:-[0-9a-f]+)?"', re.ASCII)  # lists have no tags: a plain `version` will do


class PreconditionRequired(RelanceError):
    """Send the ETag of the version that you edit as If-Match."""

    status = 428


def if_match(view: Callable[..., Any]) -> Callable[..., Any]:
    """Require If-Match and pass the versions to the view as `seen`. Put it directly above the view.

    The view raises PreconditionRequired without the header.
    """

    @wraps(view)
    def read(*args: object, **kwargs: object) -> Any:
        return view(*args, seen=_seen(), **kwargs)

    documented: Any = read
    documented._apidoc = {"manual_doc": {NEEDS_IF_MATCH: True}}  # noqa: SLF001  (flask-smorest's place for it)
    return read


def if_match_accepted(view: Callable[..., Any]) -> Callable[..., Any]:
    """Accept If-Match and pass the versions to the view as `seen`; without the header, any version.

    Put it directly above the view.
    """

    @wraps(view)
    def read(*args: object, **kwargs: object) -> Any:
        return view(*args, seen=_seen() if "If-Match" in request.headers else None, **kwargs)

    documented: Any = read
    documented._apidoc = {"manual_doc": {TAKES_IF_MATCH: True}}  # noqa: SLF001  (flask-smorest's place for it)
    return read


def etag_header(shown: object, body: bytes) -> Mapping[str, str]:
    """Return the ETag header of a response, if it is one object with a `version`; else an empty dict."""
    if type(shown) is not dict or "version" not in shown:
        return {}
    return {"ETag": f'"{shown["version"]}-{blake2b(body, digest_size=8).hexdigest()}"'}


def is_not_modified(tag: Mapping[str, str]) -> bool:
    """Whether If-None-Match of a GET or HEAD names this tag, so that the response is 304."""
    if not tag or request.method not in {"GET", "HEAD"} or "If-None-Match" not in request.headers:
        return False
    known = request.headers["If-None-Match"]
    return known.strip() == "*" or tag["ETag"] in _TAGS.findall(known)


def _seen() -> SeenVersions:
    """Return the versions in If-Match; None for `*`. Unknown tags match nothing. Raises PreconditionRequired."""
    if "If-Match" not in request.headers:
        raise PreconditionRequired
    tags = request.headers["If-Match"]
    if tags.strip() == "*":
        return None
    return frozenset(int(version) for version in _OURS.findall(tags))
