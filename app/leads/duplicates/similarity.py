"""Similarity of two persons' names, from 0 to 100. Pure.

A different given name with the same surname is another member of the family, however similar both names are written.
A birth date decides between persons of one name.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

from app.leads.duplicates.name_forms import (
    is_given_name,
    is_surname,
    sound_of,
    split_suffix,
    variants_of,
    without_particles,
    words_of,
)

EQUAL: Final = 100
SPELLING: Final = 97  # accents, another script, sound
NICKNAME: Final = 96
PART: Final = 94  # one of two given names or surnames
TYPO: Final = 93
INITIAL: Final = 91
SAME_FACTS: Final = 91  # names that differ, with the same birth date and address
DIFFERENT: Final = 60  # any value below INITIAL: two persons
_MOST_PAIRS: Final = 48
_UNHEARD: Final = "aeiouyhj"  # letters that the index of names leaves out
_HEARD: Final = ("b", "ch", *"dfgklmnprstv")  # one beginning for each sound of the index
_FEMININE: Final = (("ova", "ov"), ("eva", "ev"), ("ska", "ski"), ("cka", "cki"), ("skaya", "sky"), ("ina", "in"))
_SHORTEST: Final = 5  # letters of a name that may have a typing error
_SHORTEST_SWAPPED: Final = 5
_SHORTEST_SURNAME: Final = 6  # letters; in shorter ones, another letter is another surname: Hunt and Hurt
_LONG: Final = 9  # letters, from which two mistakes are a typing error


@dataclass(frozen=True, slots=True)
class Person:
    """Compared values. The birth date is that of the person with this name, not of a child."""

    first_name: str
    last_name: str
    birth_date: date | None = None
    address: str | None = None  # line and postal code


def similarity(one: Person, other: Person) -> int:
    """Return the similarity of two persons: 91 to 100, or DIFFERENT."""
    first, last, suffix = _split(one.first_name, one.last_name)
    other_first, other_last, other_suffix = _split(other.first_name, other.last_name)
    if suffix != other_suffix or _births_differ(one, other):
        return DIFFERENT
    straight = _pair(first, last, other_first, other_last)
    if straight == EQUAL:
        return EQUAL
    swapped = max(_pair(last, first, other_first, other_last), _pair(first, last, other_last, other_first)) - 1
    found = max(straight, swapped, _run_together(first, last, other_first, other_last))
    if found >= INITIAL or not _same_facts(one, other):
        return found
    return max(found, _with_facts(first, last, other_first, other_last))


def names_to_find(first_name: str, last_name: str) -> list[tuple[str, str]]:
    """Return the pairs of names under which a person may be stored: as given, swapped, with nicknames and initials.

    Leads are found by the first and last consonant of the given name: of nicknames with the same ones, one is enough.
    """
    pairs = [(first_name, last_name), (last_name, first_name)]
    for given, family in tuple(pairs):
        words = words_of(given)
        pairs += [(way, family) for way in _ways_of(words[0])] if words else []
    return pairs[:_MOST_PAIRS]


def _ways_of(given: str) -> list[str]:
    """Return nicknames of a given name and its initial; of an initial, the beginnings of names that it may stand for.

    The index has an initial under its letter, and `James` under M. Some initials are under the sound of their name.
    """
    initial = given[0]
    if given != initial:
        ways = {(heard[0], heard[-1]): way for way in sorted(variants_of(given)) if (heard := _consonants(way))}
        has_own_sound = initial not in _UNHEARD and not given.startswith("ch")
        return [*ways.values(), *([] if has_own_sound else [initial])]
    if initial in _UNHEARD:
        return list(_HEARD)
    return ["ch"] if initial == "c" else []


def _consonants(name: str) -> str:
    """Return the name as the index of names has it, nearly: without vowels, if it has consonants."""
    return "".join(letter for letter in name if letter not in _UNHEARD) or name


@lru_cache(maxsize=4096)
def _split(first_name: str, last_name: str) -> tuple[list[str], list[str], str]:
    """Return the words of both names, and the generation: the older one without a suffix."""
    first, first_suffix = split_suffix(words_of(first_name))
    last, last_suffix = split_suffix(words_of(last_name))
    return first, last, last_suffix or first_suffix or "sr"


def _pair(first: list[str], last: list[str], other_first: list[str], other_last: list[str]) -> int:
    family = _surnames(last, other_last)
    if family < INITIAL:  # most leads that sound alike; their given names need no comparison
        return DIFFERENT
    given = _given_names(first, other_first)
    if given < INITIAL:
        return DIFFERENT
    if (given == TYPO and family < SPELLING) or (family == TYPO and given < NICKNAME):
        return DIFFERENT  # two weak signs are too few
    if given == INITIAL and family < SPELLING:
        return DIFFERENT
    return min(given, family)


def _run_together(first: list[str], last: list[str], other_first: list[str], other_last: list[str]) -> int:
    """Compare whole names, whose border between given names and surname may be elsewhere."""
    one, other = [*first, *last], [*other_first, *other_last]
    if max(len(one), len(other)) <= len(("first", "last")):  # no other border
        return DIFFERENT
    return SPELLING if sorted(one) == sorted(other) or "".join(one) == "".join(other) else DIFFERENT


def _given_names(one: list[str], other: list[str]) -> int:
    if not one or not other:
        return 0
    if "".join(one) == "".join(other):
        return EQUAL
    if len(one) == len(other):
        return min(_given(a, b) for a, b in zip(one, other, strict=True))
    return _some_given_names(*sorted((one, other), key=len))


def _some_given_names(short: list[str], long: list[str]) -> int:
    """Compare given names of which one person gives more than the other one, or writes two of them as one."""
    joined, parts = "".join(short), "".join(long)
    if _typo(joined, parts) and len(parts) >= _LONG:
        return TYPO
    if len(joined) == 1:
        return INITIAL if parts.startswith(joined) else 0
    if all(any(_given(a, b) >= NICKNAME for b in long) for a in short):
        return PART if _given(short[0], long[0]) >= NICKNAME else DIFFERENT
    together = _given(joined, parts)
    return together if together >= NICKNAME else 0


def _given(one: str, other: str) -> int:
    if one == other:
        return EQUAL
    if 1 in (len(one), len(other)):
        return INITIAL if one[0] == other[0] else 0
    if sound_of(one) == sound_of(other):
        return SPELLING
    if other in variants_of(one) or _is_spelling_of_a_variant(one, other) or _is_spelling_of_a_variant(other, one):
        return NICKNAME
    known = is_given_name(one) and is_given_name(other)
    is_typo = _typo(one, other) and not _other_ending(one, other) and (not known or _swapped_letters(one, other))
    return TYPO if is_typo else DIFFERENT


def _is_spelling_of_a_variant(one: str, other: str) -> bool:
    """Whether `one`, which is no usual name, sounds as a nickname of the other one."""
    return not is_given_name(one) and any(sound_of(one) == sound_of(way) for way in variants_of(other))


def _surnames(one: list[str], other: list[str]) -> int:
    if len(one) == len(other) == 1:
        return _surname(one[0], other[0])
    return _several_surnames(one, other) if one and other else 0


def _several_surnames(one: list[str], other: list[str]) -> int:
    if "".join(one) == "".join(other):
        return EQUAL
    one, other = without_particles(one), without_particles(other)
    if "".join(one) == "".join(other) or sorted(one) == sorted(other):
        return SPELLING
    if len(one) == len(other):
        return min(_surname(a, b) for a, b in zip(one, other, strict=True))
    short, long = sorted((one, other), key=len)
    if _surname("".join(short), "".join(long)) >= TYPO:
        return SPELLING
    return PART if all(any(_surname(a, b) >= SPELLING for b in long) for a in short) else 0


def _surname(one: str, other: str) -> int:
    if one == other:
        return EQUAL
    if sound_of(one) == sound_of(other) or _feminine(one) == _feminine(other):
        return SPELLING
    known = is_surname(one) and is_surname(other)
    is_long = min(len(one), len(other)) >= _SHORTEST_SURNAME
    if _swapped_letters(one, other) or (is_long and not known and _typo(one, other)):
        return TYPO
    return DIFFERENT


@lru_cache(maxsize=8192)
def _feminine(surname: str) -> str:
    """Return the masculine form of a Slavic or Greek surname: `ivanova` becomes `ivanov`."""
    for ending, masculine in _FEMININE:
        if surname.endswith(ending) and len(surname) > len(ending) + 2:
            return surname.removesuffix(ending) + masculine
    return surname


def _typo(one: str, other: str) -> bool:
    if one[0] != other[0]:  # a rhyme more often than an error: Harry and Barry
        return False
    shorter = min(len(one), len(other))
    most = 2 if shorter >= _LONG else 1
    return shorter >= _SHORTEST and OSA.distance(one, other, score_cutoff=most) <= most


def _swapped_letters(one: str, other: str) -> bool:
    """Whether two neighboring letters are swapped, not the last ones: Christian and Christina are two names."""
    may_be = len(one) == len(other) >= _SHORTEST_SWAPPED and one[-1] == other[-1]
    return may_be and sorted(one) == sorted(other) and OSA.distance(one, other) == 1


def _other_ending(one: str, other: str) -> bool:
    """Whether only a vowel at the end differs, which in many languages is another gender: Carlos, Carlo, Carla."""
    a, b = one.rstrip("aeiou"), other.rstrip("aeiou")
    return a == b or one == f"{other}a" or other == f"{one}a"


def _births_differ(one: Person, other: Person) -> bool:
    a, b = one.birth_date, other.birth_date
    return a is not None and b is not None and not _same_birth(a, b)


def _same_birth(one: date, other: date) -> bool:
    """Whether two dates may be one: equal, with day and month swapped, or with one wrong digit."""
    if (one.year, one.month, one.day) == (other.year, other.day, other.month):
        return True
    return sum(a != b for a, b in zip(one.isoformat(), other.isoformat(), strict=True)) <= 1


def _same_facts(one: Person, other: Person) -> bool:
    births = one.birth_date is not None and one.birth_date == other.birth_date
    return births and bool(one.address) and one.address == other.address


def _with_facts(first: list[str], last: list[str], other_first: list[str], other_last: list[str]) -> int:
    """Compare names of persons with the same birth date and address: another surname, or a misspelled given name.

    Twins have both in common, and other given names: Lena and Lina.
    """
    given, family = _given_names(first, other_first), _surnames(last, other_last)
    if given >= NICKNAME:
        return SAME_FACTS
    one, other = "".join(first), "".join(other_first)
    are_two_names = is_given_name(one) and is_given_name(other)
    is_near = not are_two_names and OSA.distance(one, other, score_cutoff=1) <= 1
    return SAME_FACTS if family >= SPELLING and is_near else 0
