"""Normal forms of names for comparison: Latin letters, without accents, apostrophes and hyphens. Pure.

`given_name_variants.txt` lists nicknames and spellings. `given_names.txt` and `surnames.txt` list names that exist: two
of them that differ by a letter, such as Maria and Mario, are two names and no typing error.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from anyascii import anyascii

# The Greek "ou", with and without an accent: the transliteration of single letters is "oy".
_OU: Final = re.compile("\u03bf[\u03c5\u03cd]", re.IGNORECASE)
_SUFFIXES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("jr", "junior", "ii", "iii", "iv", "2nd", "3rd", "filho", "neto", "hijo", "mladsi"), "jr"),
    **dict.fromkeys(("sr", "senior", "i", "1st", "pai", "padre", "starsi"), "sr"),
}
_TITLES: Final = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau", "sra", "mme", "dott"})
_PARTICLES: Final = frozenset(
    {
        *("de", "da", "do", "dos", "das", "del", "della", "di", "du", "la", "le", "las", "los", "van", "von", "der"),
        *("den", "ter", "ten", "zu", "zum", "el", "al", "bin", "ibn", "y", "e", "dit", "af", "av"),
    }
)
_NOT_LETTERS: Final = re.compile(r"[^a-z0-9 ]")
_JOINED: Final = re.compile(
    "['\u2019`\u00b4\u02bc\u2018\u02bb.\u00b7]"
)  # apostrophes and dots, which separate no words
# Spellings of one sound, in this order.
_SOUNDS: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        *((r"sch|sh", "$"), (r"ph", "f"), (r"th", "t"), (r"dh", "d"), (r"kh|ck|q(u(?=[ei]))?|ch(?=r)", "k")),
        *(
            (r"c(?=[eiy])", "s"),
            (r"c(?!h)", "k"),
            (r"z", "s"),
            (r"w", "v"),
            (r"x", "ks"),
            (r"(?<!^)h(?![aeiou])|(?<=[^aeiou])h", ""),
        ),
        *((r"ou|oo", "u"), (r"([ao])e|(?<=u)e(?!$)", r"\1"), (r"ai|ay|ei|ey", "ei")),
        *((r"ie|ee|ea(?!$)|iy|yi|ij", "i"), (r"[yj]", "i"), (r"(.)\1+", r"\1")),
    )
)
_FOLDER: Final = Path(__file__).parent


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower-case ASCII: `Søren O'Brien-Łuk` becomes `soren obrien luk`."""
    plain = anyascii(_OU.sub("ou", _JOINED.sub("", name))).lower()
    return _NOT_LETTERS.sub(" ", _JOINED.sub("", plain)).split()


def split_suffix(words: list[str]) -> tuple[list[str], str | None]:
    """Return the words without titles and without a generation suffix (`jr` or `sr`), and the suffix."""
    kept = [word for word in words if word not in _TITLES] or words
    if len(kept) > 1 and kept[-1] in _SUFFIXES:
        return kept[:-1], _SUFFIXES[kept[-1]]
    return kept, None


def without_particles(words: list[str]) -> list[str]:
    """Return the words of a surname without particles, such as `de` and `van`, unless there are no others."""
    return [word for word in words if word not in _PARTICLES] or words


@lru_cache(maxsize=8192)
def sound_of(word: str) -> str:
    """Return how a word sounds, roughly: `meyer` and `maier`, `catherine` and `katherine` are equal."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


@lru_cache(maxsize=8192)
def variants_of(given_name: str) -> frozenset[str]:
    """Return the nicknames and other spellings of a given name, without itself."""
    lines, by_name = _variants()
    return frozenset(one for line in by_name.get(given_name, ()) for one in lines[line]) - {given_name}


def is_given_name(word: str) -> bool:
    """Whether the word is a usual given name."""
    return word in _given_names()


def is_surname(word: str) -> bool:
    """Whether the word is a usual surname."""
    return word in _surnames()


@lru_cache(maxsize=1)
def _variants() -> tuple[list[list[str]], dict[str, list[int]]]:
    lines = [line.split() for line in _lines("given_name_variants.txt")]
    by_name: dict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(lines):
        for one in line:
            by_name[one].append(number)
    return lines, by_name


@lru_cache(maxsize=1)
def _given_names() -> frozenset[str]:
    _, by_name = _variants()
    return frozenset(word for line in _lines("given_names.txt") for word in line.split()) | by_name.keys()


@lru_cache(maxsize=1)
def _surnames() -> frozenset[str]:
    return frozenset(word for line in _lines("surnames.txt") for word in line.split())


def _lines(name: str) -> list[str]:
    text = (_FOLDER / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]
