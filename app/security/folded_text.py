"""Text without accents and capitals, and its words: what searches compare.

`Lefèvre` becomes `lefevre`, `Groß` becomes `gross`. Apostrophes join (`O'Brien` is one word), other signs separate.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

_WORD: Final = re.compile(r"[^\W_]+")
# Apostrophes, and marks that nobody sees.
_JOINING: Final = frozenset("'\u2019\u02bc\u00b4\u200c\u200d\u200e\u200f\u00ad")
# Letters that Unicode does not decompose into a letter and a mark.
_OTHERS: Final = {"æ": "ae", "œ": "oe", "þ": "th", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i"}


class Word(NamedTuple):
    """A folded word, and where it begins and ends in the original text."""

    text: str
    places: Sequence[int]  # for each letter of `text`: the position of its original letter
    end: int

    def span(self, start: int, length: int) -> tuple[int, int]:
        """Return the part of the original text of these letters, with the marks that follow."""
        after = start + length
        last = self.places[after - 1]
        following = self.places[after] if after < len(self.places) else self.end
        return self.places[start], max(following, last + 1)  # half of a letter such as ß counts as all of it


def words_of(text: str) -> list[str]:
    """Return the folded words of a text."""
    return _WORD.findall("".join(map(_folded, text)) if not text.isascii() else text.lower().replace("'", ""))


def plain_words(text: str) -> str:
    """Return the folded words of a text with single spaces between, in which phrases are found."""
    return " ".join(words_of(text))


def placed_words(text: str) -> list[Word]:
    """Return the folded words of a text with their places."""
    if text.isascii() and "'" not in text:  # nothing to fold, and most texts are like this
        found = _WORD.finditer(text.lower())
        return [Word(one[0], range(one.start(), one.end()), one.end()) for one in found]
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        folded = _folded(letter)
        letters.append(folded)
        places += [place] * len(folded)
    whole = "".join(letters)
    return [
        Word(found[0], places[found.start() : found.end()], _end(text, places[found.end() - 1]))
        for found in _WORD.finditer(whole)
    ]


def _end(text: str, last: int) -> int:
    """Return the end of the letter at this place, with its marks."""
    end = last + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end


@lru_cache(maxsize=4096)
def _folded(letter: str) -> str:
    if letter in _JOINING:
        return ""
    plain = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one)).casefold()
    return "".join(_OTHERS.get(one, one) for one in plain)
