"""Emergencies in messages from leads: pain, bleeding, swelling and broken appliances, in six languages. Pure.

All languages are read, whatever the language of the lead: an emergency that is missed is worse than a false alarm.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from app.security.folded_text import plain_words

LONGEST_READ: Final = 5000  # characters
NEGATED_WITHIN: Final = 3  # words before an entry
WITHIN: Final = 6  # words from one word of a pair to the other
_FILE: Final = Path(__file__).with_name("emergencies.txt")
_CLAUSE: Final = re.compile(r"[^.!?;,\n]+[.!?;,\n]?")
_NEGATIONS: Final = frozenset(
    {
        *("no", "not", "never", "without", "dont", "doesnt", "didnt", "isnt", "wasnt", "hardly"),
        *("pas", "sans", "aucun", "aucune", "jamais", "sin", "ningun", "ninguna", "nunca"),
        *("kein", "keine", "keinen", "nicht", "ohne", "nie", "nao", "sem", "nenhum", "nenhuma"),
        *("non", "senza", "nessun", "nessuna", "mai"),
    }
)
# With one of these a negation makes it worse: "no aguanto el dolor", "it does not stop bleeding".
_WORSE: Final = frozenset(
    {
        *(
            "stand",
            "bear",
            "stop",
            "stops",
            "stopped",
            "go",
            "goes",
            "know",
            "only",
            "just",
            "peux",
            "supporte",
            "arrete",
        ),
        *("seulement", "sais", "aguanto", "aguanta", "soporto", "puedo", "puede", "para", "deja", "solo", "aushalten"),
        *(
            "halte",
            "auf",
            "nur",
            "weiss",
            "aguento",
            "suporto",
            "consigo",
            "so",
            "sopporto",
            "smette",
            "riesco",
            "riesce",
        ),
    }
)
# First words of a question about the treatment: "Does it hurt to get braces?"
_ASKING: Final = frozenset(
    {
        *(
            "does",
            "do",
            "will",
            "would",
            "is",
            "are",
            "can",
            "could",
            "how",
            "est",
            "ca",
            "cela",
            "combien",
            "va",
            "duele",
        ),
        *(
            "duelen",
            "es",
            "son",
            "cuanto",
            "tut",
            "tun",
            "wird",
            "ist",
            "sind",
            "hat",
            "wie",
            "doi",
            "vai",
            "e",
            "quanto",
        ),
        *("fa", "fanno", "sara"),
    }
)


class _Entry(NamedTuple):
    words: tuple[str, ...]
    is_pain: bool


def emergency_words(text: str | None) -> tuple[str, ...]:
    """Return the words of a text that tell of an emergency; none if it tells of none."""
    clauses = _CLAUSE.findall((text or "")[:LONGEST_READ])
    return tuple(dict.fromkeys(found for clause in clauses for found in _found(clause)))


def _found(clause: str) -> Iterator[str]:
    words = plain_words(clause.replace("'", " ").replace("\u2019", " ")).split()
    joined = plain_words(clause).split()  # "can't" is one word in the list
    for way in (words, joined) if joined != words else (words,):
        figurative = _figurative_places(way)
        asks = clause.rstrip().endswith("?") and bool(way) and way[0] in _ASKING
        for place in range(len(way)):
            entry = _entry_at(way, place)
            if place in figurative or (asks and entry and entry.is_pain):
                continue
            if entry and not _is_negated(way, place):
                yield " ".join(entry.words)
        for first in dict.fromkeys(way):
            for second in _pairs().get(first, frozenset()).intersection(way):
                if _is_near(way, way.index(first), way.index(second)):
                    yield f"{first} {second}"


def _entry_at(words: Sequence[str], place: int) -> _Entry | None:
    """Return the longest entry that begins at this word."""
    entries = [
        entry
        for entry in _entries().get(words[place], ())
        if tuple(words[place : place + len(entry.words)]) == entry.words
    ]
    return max(entries, key=lambda entry: len(entry.words), default=None)


def _figurative_places(words: Sequence[str]) -> set[int]:
    """Return the places of words in phrases such as `bleeding edge`, which tell of no emergency."""
    return {
        place + offset
        for place, word in enumerate(words)
        for phrase in _figurative().get(word, ())
        if tuple(words[place : place + len(phrase)]) == phrase
        for offset in range(len(phrase))
    }


def _is_near(words: Sequence[str], one: int, other: int) -> bool:
    """Return whether the words at these places belong together, and neither is negated."""
    return abs(one - other) <= WITHIN and not _is_negated(words, one) and not _is_negated(words, other)


def _is_negated(words: Sequence[str], place: int) -> bool:
    before = words[max(0, place - NEGATED_WITHIN) : place]
    return not _NEGATIONS.isdisjoint(before) and _WORSE.isdisjoint(words)


@cache
def _entries() -> dict[str, list[_Entry]]:
    """Return the entries of [pain] and [injury] by their first word."""
    found: dict[str, list[_Entry]] = {}
    for section, words in _lines():
        if section in ("[pain]", "[injury]"):
            found.setdefault(words[0], []).append(_Entry(words, section == "[pain]"))
    return found


@cache
def _pairs() -> dict[str, frozenset[str]]:
    """Return what happens to each thing of [broken]."""
    found: dict[str, frozenset[str]] = {}
    for section, words in _lines():
        if section == "[broken]":
            things, events = (part.split("|") for part in words)
            found |= {thing: found.get(thing, frozenset()).union(events) for thing in things}
    return found


@cache
def _figurative() -> dict[str, list[tuple[str, ...]]]:
    """Return the phrases of [figurative] by their first word."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for section, words in _lines():
        if section == "[figurative]":
            found.setdefault(words[0], []).append(words)
    return found


def _lines() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the lines of the file with their sections."""
    section = ""
    for line in _FILE.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith(("#", "--")):
            yield section, tuple(line.split())
