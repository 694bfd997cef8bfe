"""Answers to visitors whose browser sent a web form without a script: a page instead of JSON."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final

from flask import Response, request

from app.core.type_aliases import JsonObject

_STYLE: Final = "body{font:18px/1.6 system-ui,sans-serif;max-width:36em;margin:12vh auto;padding:0 1em}"
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
_THANKS: Final = "Thank you. We have received your message."
_GO_BACK: Final = "Please go back, correct the form, and send it again."
_NOT_SENT: Final = "The form was not sent"
_LATER: Final = "Please try again in a few minutes."
_REASONS: Final = {404: "This form is no longer in use.", 429: _LATER, 500: _LATER, 503: _LATER}


def wants_page() -> bool:
    """Return whether the client prefers a page to JSON, as browsers do that leave the website for the answer."""
    return not request.is_json and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def to_page(response: Response) -> None:
    """Replace the JSON of an answer by a page with the same words. Its status stays."""
    answer = response.get_json(silent=True)
    if not isinstance(answer, dict):
        return
    title, lines = _content(answer, response.status_code)
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    response.set_data(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>{text}</html>"
    )
    response.content_type = "text/html; charset=utf-8"
    response.headers.update(_HEADERS)


def _content(answer: JsonObject, status: int) -> tuple[str, list[str]]:
    """Return the title and the paragraphs of the page."""
    if answer.get("accepted"):
        thanks, *more = (answer.get("thank_you") or _THANKS).splitlines()
        return thanks, [line for line in more if line.strip()]
    mistakes = [_sentence(one) for one in answer.get("errors", ())]
    if mistakes:
        return _NOT_SENT, [*mistakes, _GO_BACK]
    return _NOT_SENT, [_REASONS.get(status) or str(answer.get("detail") or answer.get("title") or "")]


def _sentence(mistake: JsonObject) -> str:
    field = str(mistake.get("pointer", "")).strip("/").partition("/")[0].replace("_", " ").capitalize()
    return f"{field}: {mistake['message']}" if field else str(mistake["message"])
