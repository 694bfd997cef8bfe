"""The page that shows the API. Everything on it is served from here, and nothing else may be loaded."""

import json
from functools import lru_cache
from importlib.resources import files
from typing import Final

from flask import Blueprint, Response, current_app

from app.errors import NotFound
from app.http.access import PUBLIC, allow
from app.http.openapi.openapi import spec

ASSETS: Final = {
    "rapidoc-min.js": "text/javascript; charset=utf-8",
    "LICENSE.txt": "text/plain; charset=utf-8",
    "docs.css": "text/css; charset=utf-8",
    "logo.svg": "image/svg+xml",
}

# RapiDoc styles its own shadow tree inline; scripts come from files only.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}

blp = Blueprint("docs", __name__)


@blp.get("/docs")
@allow(PUBLIC)
def show_docs() -> Response:
    """The API's reference, to read and to try."""
    return Response(_file("docs.html"), headers=_HEADERS, content_type="text/html; charset=utf-8")


@blp.get("/docs/<name>")
@allow(PUBLIC)
def serve_asset(name: str) -> Response:
    """A script, style or picture of the page."""
    if name not in ASSETS:
        raise NotFound
    response = Response(_file(name), content_type=ASSETS[name])
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@blp.get("/openapi.json")
@allow(PUBLIC)
def show_openapi() -> Response:
    """The API's description for programs."""
    return Response(json.dumps(spec(current_app), separators=(",", ":")), content_type="application/json")


@lru_cache(maxsize=16)
def _file(name: str) -> bytes:
    return (files(__package__) / "static" / name).read_bytes()
