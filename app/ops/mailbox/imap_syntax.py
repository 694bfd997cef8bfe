"""Syntax of IMAP (RFC 3501), as far as the development mailbox needs it."""

import re
from collections.abc import Callable, Collection
from datetime import date, datetime
from typing import Final

TOKEN: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"|\(([^()]*)\)|([^\s()"]+)')
LITERAL: Final = re.compile(rb"\{(\d+)\+?\}\r?\n$")
SECTION: Final = re.compile(r"BODY(?:\.PEEK)?\[(HEADER|TEXT|)\](?:<(\d+)\.(\d+)>)?|RFC822", re.IGNORECASE)
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class SyntaxMistake(ValueError):
    """The command is not understood."""


def tokens(line: bytes) -> list[str]:
    """Split a command into words, quoted strings (without quotes) and lists (without parentheses)."""
    found = []
    for quoted, listed, atom in TOKEN.findall(line):
        found.append((re.sub(rb"\\(.)", rb"\1", quoted) if quoted else listed or atom).decode(errors="replace"))
    return found


def quote(text: bytes) -> bytes:
    """Return a quoted string."""
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def numbers(text: str, known: Collection[int]) -> set[int]:
    """Return the known numbers that a set such as `1,5:7,9:*` names. Raises SyntaxMistake."""
    last, found = max(known, default=0), set()
    for part in text.split(","):
        first, _, second = part.partition(":")
        ends = sorted(last if end == "*" else _number(end) for end in (first, second or first))
        found |= {number for number in known if ends[0] <= number <= ends[1]}
    return found


def read_day(text: str) -> date:
    """Read a date such as 5-Nov-2026. Raises SyntaxMistake."""
    day, _, rest = text.partition("-")
    month, _, year = rest.partition("-")
    try:
        return date(int(year), MONTHS.index(month.title()) + 1, int(day))
    except ValueError:
        raise SyntaxMistake(f"not a date: {text}") from None


def internal_date(at: datetime) -> str:
    """Return a time in the form of INTERNALDATE."""
    return f"{at.day:2}-{MONTHS[at.month - 1]}-{at:%Y %H:%M:%S} +0000"


def section(item: str, read: Callable[[], bytes]) -> tuple[str, bytes] | None:
    """Return name and content of an item such as BODY.PEEK[HEADER]<0.500>; None if it is another item."""
    wanted = SECTION.fullmatch(item)
    if wanted is None:
        return None
    content = read()
    head, blank, body = content.partition(b"\r\n\r\n")
    part = {"HEADER": head + blank, "TEXT": body}.get((wanted[1] or "").upper(), content)
    name = item.upper().replace(".PEEK", "")
    if wanted[2] is None:
        return name, part
    start, size = int(wanted[2]), int(wanted[3])
    return f"{name.partition('<')[0]}<{start}>", part[start : start + size]


def _number(text: str) -> int:
    if not text.isdecimal():
        raise SyntaxMistake(f"not a number: {text}")
    return int(text)
