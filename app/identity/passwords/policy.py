"""Passwords: long, not among those everybody tries first, and otherwise the person's own affair (NIST 800-63B)."""

import re
from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from app.errors import Invalid

SHORTEST: Final = 12
LONGEST: Final = 128

# Argon2id with 19 MiB, OWASP's recommendation: sixteen logins at once stay far below a gigabyte.
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

# Of the lists of leaked passwords, what remains of the first ones once digits and signs are taken off.
COMMON_WORDS: Final = frozenset({
    "password", "passwort", "motdepasse", "contrasena", "qwerty", "qwertyuiop", "qwertz", "azerty", "azertyuiop",
    "letmein", "welcome", "iloveyou", "admin", "administrator", "root", "login", "changeme", "secret", "monkey",
    "dragon", "football", "baseball", "basketball", "superman", "batman", "princess", "sunshine", "master", "shadow",
    "trustno", "abc", "abcdef", "abcdefgh", "asdf", "asdfghjkl", "zxcvbnm", "qazwsx", "qazwsxedc", "test", "testtest",
    "guest", "default", "summer", "winter", "spring", "autumn", "michael", "jennifer", "charlie", "starwars",
    "unbelievable", "correcthorsebatterystaple", "braces", "invisalign", "orthodontics", "clinic", "relance", "demo",
})  # fmt: skip
_RUNS: Final = (
    "abcdefghijklmnopqrstuvwxyz" * 2,
    "1234567890" * 3,
    "qwertyuiopasdfghjklzxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
)
_REPEATED = re.compile(r"(.{1,4})\1+.?", re.DOTALL)
_NO_LETTER = re.compile(r"[\W\d_]+")


def hash_password(password: str) -> str:
    """An Argon2id hash that says itself how it was made."""
    return _hasher.hash(password)


def is_right(password: str, password_hash: str | None) -> bool:
    """Whether it is the password. Takes as long when there is none to compare with."""
    try:
        return _hasher.verify(password_hash or _nobodys_hash(), password) and bool(password_hash)
    except (Argon2Error, InvalidHashError):
        return False


def refuse_weak(password: str, *, email: str, pointer: str = "/password") -> None:
    """Raises Invalid when it is too short, too long, or easily guessed."""
    if len(password) < SHORTEST:
        raise Invalid.at(pointer, f"At least {SHORTEST} characters.")
    if len(password) > LONGEST:
        raise Invalid.at(pointer, f"At most {LONGEST} characters.")
    if is_common(password, email=email):
        raise Invalid.at(pointer, "This is one of the first that would be tried; choose another.")


def is_common(password: str, *, email: str = "") -> bool:
    """Whether it is a common word with decoration, a run of keys, a repetition, or the address itself."""
    plain = password.lower()
    letters = _NO_LETTER.sub("", plain)
    return (
        letters in COMMON_WORDS
        or any(plain in run or plain in run[::-1] for run in _RUNS)
        or _REPEATED.fullmatch(plain) is not None
        or (bool(email) and plain in {email.lower(), email.lower().partition("@")[0]})
    )


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return hash_password("nobody has this password")
