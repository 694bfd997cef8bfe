"""Console: pages that use the API only. Their source is in `console/`; `make console` builds them."""

import gzip
import re
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from flask import Blueprint, Response, request

from app.errors import NotFound
from app.http.access import PUBLIC, allow
from app.http.body.unknown_parameters import declare_reads_query

# The first parts of the addresses of pages, as in `console/src/pages.tsx`. All show the same document.
SECTIONS: Final = (
    *("today", "board", "leads", "messages", "operations", "numbers", "reports", "inbox"),
    *("automation", "conversations", "templates", "settings", "audit", "import", "me"),
)
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}
_TYPES: Final = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_HASHED: Final = re.compile(r"-[\w-]{8}\.\w+$")  # the name changes with the content
_FOREVER: Final = "public, max-age=31536000, immutable"
_SECTION: Final = f"<any({', '.join(SECTIONS)}):section>"

blp = Blueprint("console", __name__)


@blp.get("/")
@blp.get(f"/{_SECTION}")
@blp.get(f"/{_SECTION}/<path:rest>")
@allow(PUBLIC)
@declare_reads_query
def show_page(section: str = "", rest: str = "") -> Response:  # noqa: ARG001  (the script reads the address)
    """Show the console. The script draws the page of the address."""
    return _respond("index.html", "text/html; charset=utf-8", _HEADERS)


@blp.get("/console/<path:name>")
@allow(PUBLIC)
def serve_asset(name: str) -> Response:
    """Serve a script, style or image of the console. Raises NotFound."""
    if name not in _assets():
        raise NotFound
    caching = _FOREVER if _HASHED.search(name) else "no-cache"
    try:
        return _respond(name, _TYPES[name.rpartition(".")[2]], {"Cache-Control": caching})
    except FileNotFoundError:  # a newer build replaced it while this process runs
        raise NotFound from None


def _respond(name: str, content_type: str, headers: dict[str, str]) -> Response:
    is_packed = bool(request.accept_encodings["gzip"])
    response = Response(_content(name, is_packed=is_packed), content_type=content_type, headers=headers)
    response.headers["Vary"] = "Accept-Encoding"
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.add_etag()
    response.make_conditional(request)
    return response


def _static() -> Traversable:
    return files(__package__) / "static"


@cache
def _assets() -> frozenset[str]:
    """Return the names of the served files. The page itself is served under the addresses of pages."""
    return frozenset(one.name for one in _static().iterdir() if one.name.rpartition(".")[2] in _TYPES)


@lru_cache(maxsize=128)
def _content(name: str, *, is_packed: bool) -> bytes:
    content = (_static() / name).read_bytes()
    return gzip.compress(content, mtime=0) if is_packed else content
