"""Names: normalised for comparison, and with addresses that mails must not carry."""

import sys
import unicodedata

import pytest

from app.leads.contact.names import contains_address, normalise_name


@pytest.mark.parametrize(
    ("names", "normalised"),
    [(("Íñigo",), "inigo"), (("ANA", "Ruiz"), "ana ruiz"), (("Ana", "Núñez"), "ana nunez"), ((), "")],
)
def test_accents_and_capitals_are_removed(names: tuple[str, ...], normalised: str):
    assert normalise_name(*names) == normalised


@pytest.mark.parametrize(
    "name",
    [
        *("http://evil.example", "see www.evil.example", "EVIL.COM", "prize.shop now", "Ana evil.de/win"),
        *("a@b.example", "bit.ly", "evil\uff0ecom", "Ana (evil.info)"),
    ],
)
def test_address_in_a_name_is_found(name: str):
    assert contains_address(name)


@pytest.mark.parametrize(
    "name",
    ["Ana Ruiz", "J.R. Smith", "St.John", "Ma.de Jesús", "O'Neil-Ruiz", "Dr.Communal", "Ana/Luis", "Company Ltd."],
)
def test_name_without_an_address_is_accepted(name: str):
    assert not contains_address(name)


def test_ascii_and_other_characters_follow_one_rule():
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    assert [normalise_name(one) for one in every] == [_decomposed(one) for one in every]


def _decomposed(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
