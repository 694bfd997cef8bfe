"""Strict JSON request bodies: input that parsers interpret differently is refused."""

import json
import math
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final, NoReturn, cast

from flask import g, request

from app.core.type_aliases import JsonDict
from app.core.validation.json_pointer import pointer
from app.errors import Invalid
from app.http.problems import Malformed, UnsupportedMediaType

_SUSPICIOUS = re.compile(r"\\u(0000|[dD][89a-fA-F])")
_CONTAINERS: Final = frozenset({dict, list})
DEEPEST: Final = 32  # levels of nesting; far more than any schema needs
NO_BODY: Final = sha256(b"").digest()
SIGNED_64_BIT: Final = range(-(2**63), 2**63)  # responses and stored JSON can hold no other integers
MOST_BRACKETS: Final = 500_000  # twice the need of 100,000 leads; 20 MB of `{}` would exhaust the memory


def read_body() -> Any:
    """Return the JSON of the request body; without a body, an empty dict.

    Raises UnsupportedMediaType, Malformed, Invalid. Flask answers 413 for a body that is too large.
    """
    if not request.content_length and not request.content_type:
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    return parse(read_bytes())


def read_bytes() -> bytes:
    """Read the request body once, as bytes. Flask answers 413 for a body that is too large."""
    if "read_ahead" in g:
        return cast("bytes", g.pop("read_ahead"))
    raw = request.get_data(cache=False)
    g.fingerprint = sha256(raw).digest()
    return raw


def read_ahead() -> None:
    """Receive the whole body now, for a later `read_bytes`."""
    g.read_ahead = read_bytes()


def read_unread_body() -> None:
    """Read a body that the view did not read, for its fingerprint."""
    if "fingerprint" not in g and request.content_length:
        read_bytes()


def fingerprint() -> bytes:
    """Return the SHA-256 of the body that was read. Equal payloads have equal fingerprints."""
    return cast("bytes", g.get("fingerprint", NO_BODY))


def parse(raw: bytes) -> Any:
    """Parse JSON (RFC 8259) in UTF-8.

    Duplicate names, NaN, infinity, integers of more than 64 bits, NUL and unpaired surrogates are refused. Raises
    Malformed, Invalid.
    """
    try:
        text = raw.decode()
        if (brackets := text.count("[") + text.count("{")) > MOST_BRACKETS:
            raise Malformed("Too many objects and lists.")
        value = _decode(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(_explain(error)) from None
    # Depth needs brackets, and NUL and surrogates need escapes, so most bodies skip these checks.
    if brackets > DEEPEST:
        _refuse_deep(value)
    if _SUSPICIOUS.search(text):
        _refuse_broken_text(value, ())
    return value


def _refuse_deep(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [below for one in level for below in _inside(one) if type(below) in _CONTAINERS]
        if not level:
            return
    raise Malformed("Nested too deeply.")


def _inside(one: Any) -> Iterable[object]:
    return one.values() if type(one) is dict else one


def _refuse_broken_text(value: object, place: tuple[object, ...]) -> None:
    if isinstance(value, str):
        _refuse_broken(value, place)
    elif isinstance(value, list):
        for i, below in enumerate(value):
            _refuse_broken_text(below, (*place, i))
    elif isinstance(value, dict):
        for name, below in value.items():
            _refuse_broken(name, place)
            _refuse_broken_text(below, (*place, name))


def _refuse_broken(text: str, place: tuple[object, ...]) -> None:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid.at(pointer(*place), "NUL characters and unpaired surrogates are not allowed.")


def _explain(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "Nested too deeply."
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}: line {error.lineno}, column {error.colno}."
    if isinstance(error, UnicodeDecodeError):
        return "The body is not UTF-8."
    return "A number is too large."  # an int with more digits than Python parses


def _unique(pairs: list[tuple[str, object]]) -> JsonDict:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Malformed("A name is given more than once in the same object.")
    return made


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Malformed("A number is too large.")
    return number


def _integer(digits: str) -> int:
    number = int(digits)
    if number not in SIGNED_64_BIT:
        raise Malformed("A number is too large.")
    return number


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not valid JSON.")


_decode = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_finite, parse_constant=_no_constant
).decode
