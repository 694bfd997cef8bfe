"""Words of a text in a plain form, in which phrases are compared. Pure."""

import re
import unicodedata
from typing import Final

_NOT_WORDS: Final = re.compile(r"[^\w]+|_+")
_APART: Final = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "\u0131": "i"})
_APOSTROPHES: Final = re.compile("['\u2019\u02bc`]")  # the one of phones, too


def plain_words(text: str) -> str:
    """Return the words in lower case, without accents and apostrophes, with single spaces between."""
    letters = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text).lower().translate(_APART))
    without_accents = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _NOT_WORDS.sub(" ", unicodedata.normalize("NFKC", without_accents)).strip()
