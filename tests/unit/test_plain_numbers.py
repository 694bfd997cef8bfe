"""Plain phone numbers are read as the library `phonenumbers` reads them."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS, PhoneNumberFormat, PhoneNumberType

from app.leads.contact.plain_numbers import plain_number

REGIONS = st.sampled_from(sorted(SUPPORTED_REGIONS))
DIGITS = st.text("0123456789", min_size=2, max_size=15)
PUNCTUATION = st.sampled_from(["", "", "", " ", "-", ".", "(", ") ", ". ", "()"])
EXAMPLES = [
    number
    for region in sorted(SUPPORTED_REGIONS)
    for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)
    if (number := phonenumbers.example_number_for_type(region, kind))
]
FORMATS = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Digits with a country code, without one, or of an example number of which two digits are others."""
    text = draw(
        st.sampled_from(sorted(COUNTRY_CODE_TO_REGION_CODE)).flatmap(lambda code: DIGITS.map(lambda n: f"+{code}{n}"))
        | DIGITS
        | st.builds(phonenumbers.format_number, st.sampled_from(EXAMPLES), st.sampled_from(FORMATS))
    )
    changed = draw(st.dictionaries(st.integers(0, len(text) - 1), st.sampled_from("0123456789"), max_size=2))
    digits = [changed[at] if at in changed and sign.isdigit() else sign for at, sign in enumerate(text)]
    return draw(st.sampled_from(["", "", "("])) + "".join(sign + draw(PUNCTUATION) for sign in digits).strip()


def by_library(text: str, region: str) -> str | None:
    """Read the number as `normalise_phone` did before the fast way existed."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    is_refused = number.extension or not phonenumbers.is_possible_number(number)
    return None if is_refused else phonenumbers.format_number(number, PhoneNumberFormat.E164)


@settings(max_examples=2000)
@given(text=numbers(), region=REGIONS)
def test_plain_number_equals_the_result_of_the_library(text: str, region: str):
    assert plain_number(text, region) in (None, by_library(text, region))


@settings(max_examples=500)
@given(text=st.text("+0123456789 ()-.x#/;", max_size=20), region=REGIONS)
def test_other_text_is_left_to_the_library_or_read_as_by_it(text: str, region: str):
    assert plain_number(text, region) in (None, by_library(text, region))


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+14155550100", "FR", "+14155550100"),
        ("(415) 555-0100", "US", "+14155550100"),
        ("+49 30 901820", "US", "+4930901820"),
        ("+39 06 698 12345", "US", "+390669812345"),  # the zero is part of Italian numbers
        ("555 0100 x9", "US", None),
        ("1 415 555 0100", "US", None),  # with the prefix for long-distance calls
        ("06 12 34 56 78", "FR", None),
        ("00 33 6 12 34 56 78", "FR", None),
        ("+999 123456", "US", None),
        ("+1 415 555", "US", None),
        ("4155550100", "ZZ", None),
        ("", "US", None),
    ],
)
def test_only_plain_numbers_are_read_without_the_library(text: str, region: str, number: str | None):
    assert plain_number(text, region) == number
