"""Password rules and hashes."""

from typing import Any

import pytest
from argon2.low_level import hash_secret

from app.errors import Invalid
from app.identity.password_policy import (
    hash_password,
    is_common,
    matching_hashes,
    require_strong_password,
    verify_password,
)

EMAIL = "ana.ruiz@clinic.example"


@pytest.mark.parametrize(
    "password",
    [
        "seven green umbrellas",
        "all small letters",
        "914827365093",  # digits alone, but no run
        "x7$kQ2!pL9@z",
        "пароль которого нет",
        "ünïcödé pässwörd",
        "p" * 5 + "q7 w3r" + "z" * 117,  # 128
    ],
)
def test_long_password_is_accepted(password: str):
    require_strong_password(password, email=EMAIL)


@pytest.mark.parametrize("password", ["", "short", "elevenchars", "x7$kQ2!pL9@", "é" * 6 + "q7w3x"])
def test_password_below_twelve_characters_is_refused(password: str):
    with pytest.raises(Invalid) as refused:
        require_strong_password(password, email=EMAIL)
    assert refused.value.errors[0].message == "At least 12 characters."


def test_password_of_64_characters_is_accepted_and_a_huge_one_refused():
    require_strong_password("seven green umbrellas and a very long walk home in the rain, twice", email=EMAIL)
    with pytest.raises(Invalid, match="not valid"):
        require_strong_password("ab1" * 43, email=EMAIL)


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password123!",
        "P@ssword2024"[:1] + "assword2024!",
        "qwertyuiop12",
        "administrator",
        "ADMINISTRATOR!",
        "changeme12345",
        "123456789012",
        "210987654321",
        "abcdefghijkl",
        "qwertyuiopas",
        "1q2w3e4r5t6y",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "abababababab1",
        "invisalign2026",
        "ana.ruiz@clinic.example",
        "Ana.Ruiz@Clinic.example",
    ],
)
def test_common_password_is_refused(password: str):
    assert is_common(password, email=EMAIL)
    with pytest.raises(Invalid):
        require_strong_password(password, email=EMAIL)


def test_error_names_the_field():
    with pytest.raises(Invalid) as refused:
        require_strong_password("short", email=EMAIL, pointer="/new_password")
    assert [error.pointer for error in refused.value.errors] == ["/new_password"]


def test_hash_is_argon2id_with_its_own_salt():
    one, other = hash_password("seven green umbrellas"), hash_password("seven green umbrellas")
    assert one.startswith("$argon2id$")
    assert one != other
    assert verify_password("seven green umbrellas", one)
    assert not verify_password("seven green umbrella", one)


def test_hashes_of_one_salt_are_compared_in_one_computation(monkeypatch: pytest.MonkeyPatch):
    first = hash_password("seven green umbrellas")
    second = hash_password("eight red umbrellas", salt_of=first)
    third = hash_password("seven green umbrellas", salt_of=first)
    computed: list[bytes] = []

    def counted(secret: bytes, *given: Any) -> bytes:
        computed.append(secret)
        return hash_secret(secret, *given)

    monkeypatch.setattr("app.identity.password_policy.hash_secret", counted)
    for hashes, matching in (([first, second], {first}), ([second], set()), ([], set()), ([first, third], {first})):
        computed.clear()
        assert matching_hashes("seven green umbrellas", hashes) == matching
        assert len(computed) == 1
    assert first == third


@pytest.mark.parametrize("kept", [None, "", "none", "$argon2id$broken"])
def test_verification_fails_without_a_hash(kept: str | None):
    assert not verify_password("nobody has this password", kept)
