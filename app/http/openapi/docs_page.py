"""API documentation page (`/docs`). All its assets are served here; it loads nothing from other hosts."""

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

# RapiDoc uses inline styles in its shadow DOM. Scripts are allowed from files only.
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
    """Show the API reference."""
    return Response(_file("docs.html"), headers=_HEADERS, content_type="text/html; charset=utf-8")


@blp.get("/docs/<name>")
@allow(PUBLIC)
def serve_asset(name: str) -> Response:
    """Serve a script, style or image of the page. Raises NotFound."""
    if name not in ASSETS:
        raise NotFound
    response = Response(_file(name), content_type=ASSETS[name])
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@blp.get("/openapi.json")
@allow(PUBLIC)
def show_openapi() -> Response:
    """Serve the OpenAPI document."""
    return Response(json.dumps(spec(current_app), separators=(",", ":")), content_type="application/json")


@lru_cache(maxsize=16)
def _file(name: str) -> bytes:
    return (files(__package__) / "static" / name).read_bytes()
