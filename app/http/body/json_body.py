"""Reading a JSON body without trust: what two readers could understand differently is refused."""

import json
import math
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final, NoReturn, cast

from flask import g, request

from app.core.validation.json_pointer import pointer
from app.errors import Invalid
from app.http.problems import Malformed, UnsupportedMediaType

_SUSPICIOUS = re.compile(r"\\u(0000|[dD][89a-fA-F])")
_CONTAINERS: Final = frozenset({dict, list})
DEEPEST: Final = 32  # nesting; nobody's form comes near
NO_BODY: Final = sha256(b"").digest()
MOST_BRACKETS: Final = 500_000  # twice what a hundred thousand leads need; 20 MB of `{}` would fill the memory


def read_body() -> Any:
    """The request's JSON; without a body at all, an empty object.

    Raises UnsupportedMediaType, Malformed, Invalid; 413 comes from Flask.
    """
    if not request.content_length and not request.content_type:
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    return parse(read_bytes())


def read_bytes() -> bytes:
    """The request's body, whatever it is, once; 413 comes from Flask."""
    if "read_ahead" in g:
        return cast("bytes", g.pop("read_ahead"))
    raw = request.get_data(cache=False)
    g.fingerprint = sha256(raw).digest()
    return raw


def read_ahead() -> None:
    """Wait for the body now, and keep it for who reads it."""
    g.read_ahead = read_bytes()


def read_unread_body() -> None:
    """For the fingerprint of a body that nobody has read."""
    if "fingerprint" not in g and request.content_length:
        read_bytes()


def fingerprint() -> bytes:
    """Of the body that was read: two calls with the same one have the same payload."""
    return cast("bytes", g.get("fingerprint", NO_BODY))


def parse(raw: bytes) -> Any:
    """JSON (RFC 8259) in UTF-8: no duplicate names, no NaN or infinity, no NUL or half a character."""
    try:
        text = raw.decode()
        if (brackets := text.count("[") + text.count("{")) > MOST_BRACKETS:
            raise Malformed("Too many objects and lists.")
        value = _decode(text)
    except (ValueError, RecursionError) as mistake:
        raise Malformed(_explain(mistake)) from None
    # Depth needs brackets, and NUL or half a character can only be written escaped: most bodies need no second look.
    if brackets > DEEPEST:
        _refuse_deep(value)
    if _SUSPICIOUS.search(text):
        _look_through(value, ())
    return value


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [below for one in level for below in _inside(one) if type(below) in _CONTAINERS]
        if not level:
            return
    raise Malformed("Nested too deeply.")


def _inside(one: Any) -> Iterable[Any]:
    return one.values() if type(one) is dict else one


def _look_through(value: Any, place: tuple[object, ...]) -> None:
    if isinstance(value, str):
        _refuse_broken(value, place)
    elif isinstance(value, list):
        for i, below in enumerate(value):
            _look_through(below, (*place, i))
    elif isinstance(value, dict):
        for name, below in value.items():
            _refuse_broken(name, place)
            _look_through(below, (*place, name))


def _refuse_broken(text: str, place: tuple[object, ...]) -> None:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid.at(pointer(*place), "NUL and unpaired surrogates are no text.")


def _explain(mistake: ValueError | RecursionError) -> str:
    if isinstance(mistake, RecursionError):
        return "Nested too deeply."
    if isinstance(mistake, json.JSONDecodeError):
        return f"{mistake.msg}: line {mistake.lineno}, column {mistake.colno}."
    if isinstance(mistake, UnicodeDecodeError):
        return "The body is not UTF-8."
    return "A number is too large."  # for an int of more digits than Python reads


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Malformed("A name is given more than once in the same object.")
    return made


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Malformed("A number is too large.")
    return number


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is no JSON.")


_decode = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_no_constant).decode
