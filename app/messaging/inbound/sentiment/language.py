"""Language of a text, by Compact Language Detector 3. Its model is loaded at the first text that needs it."""

from functools import cache
from typing import Any, Final

LANGUAGES: Final = ("en", "fr", "es", "de", "pt", "it")  # with a lexicon
SURE: Final = 0.7  # of 1
LIKELY: Final = 0.5  # enough for the language that is expected
_ENOUGH: Final = 16  # letters; a shorter text is taken to be in the language that is expected
_LONGEST_READ: Final = 1000  # bytes


def language_of(text: str, expected: str) -> str | None:
    """Return the language of a text, if it is sure and has a lexicon; None otherwise.

    `expected` is a BCP 47 tag. It decides about a text that is too short to tell, and confirms a likely language.
    """
    known = expected.lower().partition("-")[0]
    if sum(character.isalpha() for character in text) < _ENOUGH:
        return known if known in LANGUAGES else None
    found = _detector().FindLanguage(text=text)
    needed = LIKELY if found.language == known else SURE
    return str(found.language) if found.language in LANGUAGES and found.probability >= needed else None


@cache
def _detector() -> Any:
    from gcld3 import NNetLanguageIdentifier  # noqa: PLC0415  (few processes need it)

    return NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=_LONGEST_READ)
