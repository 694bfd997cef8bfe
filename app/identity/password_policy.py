"""Password policy and hashing: minimum length and no common passwords, but no composition rules (NIST 800-63B)."""

import re
from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from app.errors import Invalid

SHORTEST: Final = 12
LONGEST: Final = 128

# Argon2id with 19 MiB (OWASP recommendation): sixteen concurrent logins need far less than a gigabyte.
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

# Most frequent entries of leaked password lists, without digits and punctuation.
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
    """Return an Argon2id hash, with its parameters in the encoded form."""
    return _hasher.hash(password)


def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether the password matches the hash. Takes the same time without a hash, to prevent timing attacks."""
    try:
        return _hasher.verify(password_hash or _dummy_hash(), password) and bool(password_hash)
    except (Argon2Error, InvalidHashError):
        return False


def require_strong_password(password: str, *, email: str, pointer: str = "/password") -> None:
    """Check a new password. Raises Invalid if it is too short, too long or common."""
    if len(password) < SHORTEST:
        raise Invalid.at(pointer, f"At least {SHORTEST} characters.")
    if len(password) > LONGEST:
        raise Invalid.at(pointer, f"At most {LONGEST} characters.")
    if is_common(password, email=email):
        raise Invalid.at(pointer, "This password is too easy to guess. Choose another one.")


def is_common(password: str, *, email: str = "") -> bool:
    """Whether it is a common word with digits or signs, a keyboard run, a repetition or the user's own address."""
    plain = password.lower()
    letters = _NO_LETTER.sub("", plain)
    return (
        letters in COMMON_WORDS
        or any(plain in run or plain in run[::-1] for run in _RUNS)
        or _REPEATED.fullmatch(plain) is not None
        or (bool(email) and plain in {email.lower(), email.lower().partition("@")[0]})
    )


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return hash_password("nobody has this password")
