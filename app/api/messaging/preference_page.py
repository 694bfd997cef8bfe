"""Public pages for leads: unsubscribe by one click (RFC 8058), and the preference page. A signed link gives access.

Mail gateways add parameters to links, so the query is ignored.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial
from importlib.resources import files
from typing import Final

from flask import Blueprint, Response, request
from jinja2 import Environment, Template
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.http.access import PUBLIC, act_for_clinic, allow, unit_of_work
from app.http.body.unknown_parameters import declare_reads_body, declare_reads_query
from app.messaging.models import AddressKind
from app.messaging.unsubscribe import preferences
from app.messaging.unsubscribe.links import PREFERENCES_PATH, UNSUBSCRIBE_PATH, is_valid_link
from app.messaging.unsubscribe.page_texts import PageTexts, all_texts, texts_for
from app.messaging.unsubscribe.preferences import LinkedLead, Preferences, find_linked_lead
from app.security.client_network import client_network
from app.security.public_limits import count_public_call

CALLS_PER_MINUTE: Final = 60  # of one link; of invalid links from one client network
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
_LARGEST_FORM: Final = 10_000  # bytes

blp = Blueprint("preference-page", __name__)


@blp.get(f"{UNSUBSCRIBE_PATH}/<token>")
@allow(PUBLIC)
@declare_reads_query
def show_unsubscribe_page(token: str) -> Response:
    """Show the preference page. A GET changes nothing: scanners open every link."""
    return _show(token)


@blp.post(f"{UNSUBSCRIBE_PATH}/<token>")
@allow(PUBLIC)
@declare_reads_body
@declare_reads_query
def unsubscribe(token: str) -> Response:
    """Stop e-mails to the lead, as mail programs ask for it. It needs no cookie and can be repeated."""
    _count_call(token)
    return _answer(token, preferences.unsubscribe, message="unsubscribed")


@blp.get(f"{PREFERENCES_PATH}/<token>")
@allow(PUBLIC)
@declare_reads_query
def show_preferences(token: str) -> Response:
    """Show the lead's choices: channels and language."""
    return _show(token)


@blp.post(f"{PREFERENCES_PATH}/<token>")
@allow(PUBLIC)
@declare_reads_body
@declare_reads_query
def save_preferences(token: str) -> Response:
    """Store the choices of the page. An unknown field or value is ignored."""
    _count_call(token)
    request.max_content_length = _LARGEST_FORM
    if "stop_all" in request.form:
        return _answer(token, preferences.stop_all, message="saved")
    language = request.form.get("language")
    known = language if language in all_texts() else None
    save = partial(preferences.save_preferences, allowed=_allowed_kinds(), language=known)
    return _answer(token, save, message="saved")


@blp.get(f"{PREFERENCES_PATH}/style.css")
@allow(PUBLIC)
def serve_style() -> Response:
    """Serve the style sheet of the page."""
    return Response(_file("preferences.css"), content_type="text/css; charset=utf-8")


def _show(token: str) -> Response:
    _count_call(token)
    return _answer(token, preferences.read_preferences)


def _answer(token: str, act: Callable[[Session, LinkedLead], Preferences], *, message: str = "") -> Response:
    """Act for the lead of the link, and show its choices with one of the texts as the message."""
    try:
        with unit_of_work() as session:
            linked = find_linked_lead(session, token)
            act_for_clinic(linked.clinic_id)
            chosen = act(session, linked)
    except NotFound:
        return _not_found()
    return _page(chosen, token, message=getattr(texts_for(chosen.language), message) if message else "")


def _count_call(token: str) -> None:
    """Limit the calls of each link, and of each network that tries invalid links.

    One mail provider unsubscribes thousands of people from one network, so valid links do not count for it.
    """
    caller = token if is_valid_link(token) else client_network(request.remote_addr or "")
    count_public_call("preferences", caller, most=CALLS_PER_MINUTE, noun="calls")


def _allowed_kinds() -> frozenset[AddressKind]:
    return frozenset(kind for kind in AddressKind if kind in request.form.getlist("allowed"))


def _page(chosen: Preferences, token: str, *, message: str = "") -> Response:
    texts = texts_for(chosen.language)
    kinds = [(kind, getattr(texts, kind), is_allowed) for kind, is_allowed in chosen.kinds.items()]
    return _respond(
        texts,
        chosen.language,
        intro=texts.intro.format(clinic=chosen.clinic_name),
        message=message,
        kinds=kinds,
        languages=[(tag, one.name) for tag, one in all_texts().items()],
        action=f"{PREFERENCES_PATH}/{token}",
    )


def _not_found() -> Response:
    """Answer an unknown link like an invalid one: the caller cannot tell which leads exist."""
    language = request.accept_languages.best_match(all_texts()) or "en"
    texts = texts_for(language)
    response = _respond(texts, language, intro=texts.not_found)
    response.status_code = 404
    return response


def _respond(texts: PageTexts, language: str, **values: str | Iterable[object]) -> Response:
    html = _template().render(texts=texts, language=language, **values)
    return Response(html, headers=_HEADERS, content_type="text/html; charset=utf-8")


@cache
def _template() -> Template:
    return Environment(autoescape=True).from_string(_file("preferences.html").decode())


def _file(name: str) -> bytes:
    return (files(__package__) / "static" / name).read_bytes()
