"""Password policy and hashing: minimum length and no common passwords, but no composition rules (NIST 800-63B)."""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Collection
from functools import lru_cache
from hmac import compare_digest
from typing import Final

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import hash_secret

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


def hash_password(password: str, *, salt_of: str | None = None) -> str:
    """Return an Argon2id hash, with its parameters in the encoded form. Its salt is new, or that of another hash."""
    return _hasher.hash(password, salt=_salt(salt_of) if salt_of else None)


def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether the password matches the hash. Takes the same time without a hash, to prevent timing attacks."""
    return bool(matching_hashes(password, [password_hash] if password_hash else []))


def matching_hashes(password: str, hashes: Collection[str]) -> set[str]:
    """Return the hashes that the password matches.

    Hashes with one salt cost one computation, as no hash at all does: the time does not tell how many there are.
    """
    found: set[str] = set()
    begins = {known.rpartition("$")[0]: known for known in hashes}
    for begin, known in begins.items() or [("", _dummy_hash())]:
        computed = _hash_like(known, password)
        found |= {one for one in hashes if one.rpartition("$")[0] == begin and compare_digest(one, computed)}
    return found


def _hash_like(known: str, password: str) -> str:
    """Return the hash of the password with the salt and the parameters of another one; empty for a broken one."""
    try:
        of = extract_parameters(known)
        cost = (of.time_cost, of.memory_cost, of.parallelism, of.hash_len)
        return hash_secret(password.encode(), _salt(known), *cost, of.type, of.version).decode()
    except (Argon2Error, InvalidHashError, NotBase64):
        return ""


def _salt(encoded: str) -> bytes:
    """Return the salt of a hash: the field before the last one, in base64 without padding."""
    salt = encoded.split("$")[-2]
    return b64decode(salt + "=" * (-len(salt) % 4))


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
