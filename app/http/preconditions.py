"""ETag, If-Match and If-None-Match (RFC 9110, section 13).

A tag is the row's version and a digest of what was shown. An edit is held against the version alone: a call that was
logged meanwhile changes what is shown, and is no reason to refuse a corrected name.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from hashlib import blake2b
from typing import Any, Final

from flask import request

from app.core.optimistic_locking import Seen
from app.errors import RelanceError

MARK: Final = "x-if-match"  # of operations that need the header
TAGGED: Final = "x-tagged"  # of operations whose answer has an ETag

_TAGS = re.compile(r'"[^"]*"')
_OURS = re.compile(r'(?<!W/)"([0-9]{1,10})(?:-[0-9a-f]+)?"', re.ASCII)  # a list shows no tags: its `version` will do


class PreconditionRequired(RelanceError):
    """Say which version you edit: send its ETag as If-Match."""

    status = 428


def if_match(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let an edit say what it is an edit of; the view gets it as `seen`. Stands right above the view."""

    @wraps(view)
    def read(*args: Any, **kwargs: Any) -> Any:
        return view(*args, seen=_seen(), **kwargs)

    documented: Any = read
    documented._apidoc = {"manual_doc": {MARK: True}}  # noqa: SLF001  (flask-smorest's place for it)
    return read


def tag_of(shown: Any, body: bytes) -> Mapping[str, str]:
    """The ETag header of what is shown, if it is one thing with a version."""
    if type(shown) is not dict or "version" not in shown:
        return {}
    return {"ETag": f'"{shown["version"]}-{blake2b(body, digest_size=8).hexdigest()}"'}


def is_known(tag: Mapping[str, str]) -> bool:
    """Whether the caller who asks to be shown it has this very thing."""
    if not tag or request.method not in {"GET", "HEAD"} or "If-None-Match" not in request.headers:
        return False
    known = request.headers["If-None-Match"]
    return known.strip() == "*" or tag["ETag"] in _TAGS.findall(known)


def _seen() -> Seen:
    """The versions in If-Match; a tag that is none of ours matches nothing. Raises PreconditionRequired."""
    if "If-Match" not in request.headers:
        raise PreconditionRequired
    tags = request.headers["If-Match"]
    if tags.strip() == "*":
        return None
    return frozenset(int(version) for version in _OURS.findall(tags))
