"""The words of a search, and their places in the fields of a row."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple, Self

from app.leads.contact.phone_numbers import normalise_phone
from app.leads.search.by_text.keys import DIGITS, PART, digits_of
from app.security.folded_text import Word, placed_words, words_of

LONGEST_QUERY: Final = 200
_IN_PHONES: Final = frozenset("+0123456789 ()-./\u00a0")
# A phone number, as links and signatures have it, and its extension, which no lead has.
_PHONE: Final = re.compile(
    r"\s*(?:tel:)?\s*([+0-9 ()./\u00a0-]+?)\s*(?:[;,]?\s*(?:ext|extension|x|durchwahl)[.=]?\s*\d{1,6})?\s*",
    re.IGNORECASE,
)
_GERMAN: Final = frozenset({"AT", "CH", "DE", "LI"})  # regions where `ue` may be an umlaut
_UMLAUTS: Final = (("\u00e4", "ae", "a"), ("\u00f6", "oe", "o"), ("\u00fc", "ue", "u"))


class Why(StrEnum):
    """The field in which the words were found."""

    PHONE = "phone"
    EMAIL = "email"
    NAME = "name"
    PATIENT_NAME = "patient_name"
    EXTERNAL_ID = "external_id"
    SIMILAR_NAME = "similar_name"
    LEAD = "lead"  # a task, by its lead
    TITLE = "title"
    DESCRIPTION = "description"
    NOTES = "notes"
    SUBJECT = "subject"


class Span(NamedTuple):
    """A part of a text."""

    start: int
    end: int


class Match(NamedTuple):
    """A field in which words were found, its text, and the parts that they match."""

    why: Why
    text: str
    spans: Sequence[Span]
    is_exact: bool = False

    @classmethod
    def whole(cls, why: Why, text: str) -> Self:
        """Return an exact match of the whole text."""
        return cls(why, text, [Span(0, len(text))], is_exact=True)


class TextQuery:
    """The words of a search, at least one. All of them must be found."""

    def __init__(self, text: str, region: str) -> None:
        self.text = unicodedata.normalize("NFC", _plain(text))
        self.words = [*dict.fromkeys(words_of(self.text))]
        self._region = region

    @cached_property
    def spellings(self) -> Mapping[str, Sequence[str]]:
        """The spellings of each word: in German-speaking regions, `juergen` and `jürgen` find each other."""
        if self._region not in _GERMAN:
            return {word: (word,) for word in self.words}
        written_out = short = self.text.lower()  # as many words as the text, which a full case folding may split
        for umlaut, letters, letter in _UMLAUTS:
            written_out, short = written_out.replace(umlaut, letters), short.replace(letters, letter)
        ways = zip(words_of(self.text), words_of(written_out), words_of(short), strict=True)
        return {word: (*dict.fromkeys((word, *others)),) for word, *others in ways}

    @cached_property
    def phone(self) -> str | None:
        """The phone number in E.164, if the query is a whole one."""
        if len(self.digits or "") < DIGITS:
            return None
        try:
            return normalise_phone(self.text, self._region)
        except ValueError:
            return None

    @cached_property
    def digits(self) -> str | None:
        """The digits, if the query is part of a phone number. Zeros before it may be a prefix."""
        if not _IN_PHONES.issuperset(self.text):
            return None
        digits = digits_of(self.text)
        without = digits.lstrip("0")
        found = without if len(without) >= DIGITS else digits
        return found if len(found) >= DIGITS else None

    @property
    def is_address(self) -> bool:
        """Whether the query may be a whole e-mail address."""
        before, _, domain = self.text.partition("@")
        return bool(before and "." in domain and " " not in self.text)

    @property
    def parts_of_addresses(self) -> list[str]:
        """The parts of the query with an @, which must be in the e-mail address as they are."""
        return [part.casefold() for part in self.text.split() if "@" in part]


def _plain(text: str) -> str:
    """Return the text with ASCII digits; of a phone number, without `tel:` and an extension."""
    text = "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in text)
    number = _PHONE.fullmatch(text)
    return number[1] if number and len(digits_of(number[1])) >= DIGITS else text


def match_fields(query: TextQuery, fields: Iterable[tuple[Why, str | None]], *, inside: bool) -> Match | None:
    """Return the field that has most of the words, if every word is in one of the fields.

    `inside`: a word of three letters or more is also found inside a word, else it must begin one, as in notes.
    """
    left, best = set(query.words), None
    for why, text in fields:
        found = _find(query, why, text or "", inside=inside and why is not Why.NOTES)
        left -= found.keys()
        if found and (best is None or len(found) > best[0]):
            spans = sorted({span for spans in found.values() for span in spans})
            best = (len(found), Match(why, text or "", spans))
    return None if left or best is None else best[1]


def match_phone(query: TextQuery, phones: Iterable[str | None]) -> Match | None:
    """Return the phone number that is the query, or contains its digits."""
    for phone in filter(None, phones):
        if query.phone == phone:
            return Match.whole(Why.PHONE, phone)
        if span := query.digits and _span_of_digits(phone, query.digits):
            return Match(Why.PHONE, phone, [span])
    return None


def _find(query: TextQuery, why: Why, text: str, *, inside: bool) -> Mapping[str, list[Span]]:
    if why is Why.PHONE:
        spans = {word: _span_of_digits(text, word) for word in query.words if word.isdecimal() and len(word) >= DIGITS}
        return {word: [span] for word, span in spans.items() if span}
    words = placed_words(text)
    found = {
        word: [span for one in words for way in ways if (span := _span(one, way, inside=inside))]
        for word, ways in query.spellings.items()
    }
    return {word: spans for word, spans in found.items() if spans}


def _span(word: Word, wanted: str, *, inside: bool) -> Span | None:
    place = word.text.find(wanted) if inside and len(wanted) >= PART else 0 if word.text.startswith(wanted) else -1
    return None if place < 0 else Span(*word.span(place, len(wanted)))


def _span_of_digits(phone: str, digits: str) -> Span | None:
    places = [place for place, sign in enumerate(phone) if sign.isdecimal()]
    start = "".join(phone[place] for place in places).find(digits)
    return None if start < 0 else Span(places[start], places[start + len(digits) - 1] + 1)


def excerpt(match: Match, most: int = 160) -> Match:
    """Shorten a long text to the surroundings of its first match."""
    line_start, line_end = 0, len(match.text)
    if line_end <= most:
        return match
    start = max(line_start, match.spans[0].start - most // 3)
    end = min(line_end, start + most)
    spans = [Span(span.start - start, min(span.end, end) - start) for span in match.spans if start <= span.start < end]
    before, after = ("… " if start else ""), (" …" if end < line_end else "")
    shifted = [Span(span.start + len(before), span.end + len(before)) for span in spans]
    return match._replace(text=f"{before}{match.text[start:end]}{after}", spans=shifted)


def segments(match: Match) -> list[dict[str, Any]]:
    """Return the text in parts, with whether each is matched. Overlapping matches are one part."""
    parts: list[dict[str, Any]] = []
    place = 0
    for start, end in _merged(match.spans):
        if place < start:
            parts.append({"text": match.text[place:start], "is_match": False})
        parts.append({"text": match.text[start:end], "is_match": True})
        place = end
    if place < len(match.text):
        parts.append({"text": match.text[place:], "is_match": False})
    return parts


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged
