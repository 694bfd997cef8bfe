"""Search keys of leads: by which parts of names, numbers, addresses and ids, and words of notes, a lead is found.

Names and external ids, e-mail addresses, and digits of phone numbers have keys of their own. Otherwise the names, which
are not encrypted, would tell which parts of the addresses the keys stand for.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from app.security.folded_text import words_of
from app.security.search_keys import TextKind, keys_of_beginnings, search_keys, word_keys

NAMES: Final = ("first_name", "last_name", "patient_first_name", "patient_last_name")
ADDRESSES: Final = ("email", "phone", "phone_alt")
ENCRYPTED: Final = (*ADDRESSES, "notes")
FIELDS: Final = (*NAMES, "external_id", *ENCRYPTED)
PART: Final = 3  # letters that are found inside a word; fewer must begin it
DIGITS: Final = 4  # of a phone number, that are found inside it

_NAME, _EMAIL, _DIGITS = "name", "email", "digits"
_NO_DIGIT: Final = re.compile(r"\D+", re.ASCII)

Keys = list[int]


def lead_keys(clinic_id: UUID, lead: Mapping[str, Any]) -> Keys:
    """Return the keys of a lead with its decrypted fields."""
    names = " ".join({lead.get(name) or "" for name in (*NAMES, "external_id")})
    parts = {part for word in {*words_of(names)} for part in (*_inside(word), *_beginnings(word))}
    in_address = {
        part for word in words_of(lead.get("email") or "") for part in (*_inside(word), *_beginnings(word)[1:])
    }
    phones = {lead[name] for name in ("phone", "phone_alt") if lead.get(name)}
    digits = {part for phone in phones for part in _windows(digits_of(phone), DIGITS)}
    return [
        *search_keys(clinic_id, _NAME, parts),
        *search_keys(clinic_id, _EMAIL, in_address),
        *search_keys(clinic_id, _DIGITS, digits),
        *(word_keys(clinic_id, TextKind.LEAD_NOTES, lead.get("notes")) or ()),
    ]


def keys_of_word(
    clinic_id: UUID, word: str, secret: bytes | None = None, *, with_notes: bool = False
) -> Sequence[Keys]:
    """Return the alternatives of a word that is searched: keys of which a lead has all.

    Leads without the word may have them too.
    """
    parts = _inside(word) or _beginnings(word)[-1:]
    ways = [search_keys(clinic_id, kind, parts, secret) for kind in (_NAME, _EMAIL)]
    if with_notes:
        ways.append(keys_of_beginnings(clinic_id, TextKind.LEAD_NOTES, [word], secret))
    return [*ways, keys_of_digits(clinic_id, word, secret)] if word.isdecimal() and len(word) >= DIGITS else ways


def keys_of_digits(clinic_id: UUID, digits: str, secret: bytes | None = None) -> Keys:
    """Return the keys that a lead has whose phone number contains these digits."""
    return search_keys(clinic_id, _DIGITS, _windows(digits, DIGITS), secret)


def digits_of(phone: str) -> str:
    """Return the digits of a phone number, without the trunk zero in parentheses."""
    return _NO_DIGIT.sub("", phone.replace("(0)", ""))


def _inside(word: str) -> list[str]:
    return _windows(word, PART)


def _beginnings(word: str) -> list[str]:
    return [f"^{word[:length]}" for length in range(1, PART) if len(word) >= length]


def _windows(text: str, length: int) -> list[str]:
    return [text[start : start + length] for start in range(len(text) - length + 1)]
