"""Search keys: keyed hashes of parts of a value, by which rows with encrypted text are found.

Without BLIND_INDEX_KEY nobody can compute them. Keys differ between clinics and kinds of values. They are short, so
that two parts may have the same key: whoever searches by them compares the decrypted values as well.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final
from uuid import UUID

from app.core.key_derivation import blind_index_keys
from app.security.folded_text import words_of

MOST_WORDS: Final = 400  # different words of one text; further ones are not found
BEGINNINGS: Final = (3, 5)  # letters of a word by which it is found, besides the whole word
MOST_KNOWN: Final = 20_000  # keys that a process keeps of one clinic and kind


class TextKind(StrEnum):
    """Kinds of texts. Each has keys of its own."""

    NOTES = "words"
    LEAD_NOTES = "lead notes"  # the field of a lead
    SUBJECTS = "subjects"  # of messages: those that were sent are not encrypted, and would tell the keys of notes


def search_secrets() -> Sequence[bytes]:
    """Return the secret of new keys, then those by which rows are found while BLIND_INDEX_KEY is changed."""
    return blind_index_keys("search keys")


def search_keys(clinic_id: UUID, kind: str, parts: Iterable[str], secret: bytes | None = None) -> list[int]:
    """Return the keys of these parts, each once; by the secret of new keys, unless another is given."""
    known = _known_keys(secret or search_secrets()[0], clinic_id, kind)
    return [known[part] for part in {*parts}]


def word_keys(clinic_id: UUID, kind: TextKind, text: str | None) -> list[int] | None:
    """Return the keys of a text's words and of their beginnings."""
    if text is None:
        return None
    words = [*dict.fromkeys(words_of(text))][:MOST_WORDS]
    return search_keys(clinic_id, kind, (part for word in words for part in (word, *_beginnings(word))))


def keys_of_beginnings(
    clinic_id: UUID, kind: TextKind, starts: Iterable[str], secret: bytes | None = None
) -> list[int]:
    """Return the keys that a text has if each of these begins one of its words. More texts may have them."""
    return search_keys(clinic_id, kind, (_longest_beginning(start) for start in starts), secret)


def _beginnings(word: str) -> Sequence[str]:
    return [f"{word[:length]}*" for length in BEGINNINGS if len(word) >= length]


def _longest_beginning(start: str) -> str:
    return (_beginnings(start) or [start])[-1]


class _KnownKeys(dict[str, int]):
    """The keys of parts of a kind, computed when they are first asked for: most parts are in many values."""

    def __init__(self, secret: bytes, clinic_id: UUID, kind: str) -> None:
        self._secret = secret
        self._prefix = clinic_id.bytes + kind.encode() + b":"

    def __missing__(self, part: str) -> int:
        digest = hmac.digest(self._secret, self._prefix + part.encode(), hashlib.sha256)
        key = int.from_bytes(digest[:4], signed=True)
        if len(self) >= MOST_KNOWN:
            self.clear()
        self[part] = key
        return key


@lru_cache(maxsize=64)
def _known_keys(secret: bytes, clinic_id: UUID, kind: str) -> _KnownKeys:
    return _KnownKeys(secret, clinic_id, kind)
