"""Built-in page for choosing a password, for clinics without their own page (PASSWORD_PAGE_URL)."""

from importlib.resources import files
from typing import Final

from flask import Blueprint, Response

from app.errors import NotFound
from app.http.access import PUBLIC, allow
from app.identity.passwords.links import PATH

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_ASSETS: Final = {"password.js": "text/javascript; charset=utf-8", "password.css": "text/css; charset=utf-8"}

blp = Blueprint("password-page", __name__)


@blp.get(PATH)
@allow(PUBLIC)
def show_page() -> Response:
    """Show the page of an e-mail link. The token after the # stays in the browser."""
    return Response(_file("password.html"), headers=_HEADERS, content_type="text/html; charset=utf-8")


@blp.get(f"{PATH}/<name>")
@allow(PUBLIC)
def serve_asset(name: str) -> Response:
    """Serve a script or style of the page. Raises NotFound."""
    if name not in _ASSETS:
        raise NotFound
    return Response(_file(name), content_type=_ASSETS[name])


def _file(name: str) -> bytes:
    return (files(__package__) / "static" / name).read_bytes()
