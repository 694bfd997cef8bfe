"""Fast reading of phone numbers in plain digits, with the same result as the library `phonenumbers`.

The library takes six times as long, most of it for forms that are rare: letters, extensions, international and national
prefixes, carrier codes. A number is plain here if none of them can be in it; its digits then stay as they are.
"""

import re
from functools import cache
from typing import Final, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, region_code_for_country_code

_PLAIN: Final = re.compile(r"\+?\(?[0-9][0-9 ().-]*[0-9]", re.ASCII)
_PUNCTUATION: Final = str.maketrans("", "", "+ ().-")
_LONGEST_CODE: Final = 3  # digits of a country code
_NEVER: Final = r"(?!)"


class _Country(NamedTuple):
    """Rules of a country. `prefix` matches the start of numbers that the library may shorten."""

    code: str
    prefix: re.Pattern[str]
    lengths: frozenset[int]


def plain_number(text: str, region: str) -> str | None:
    """Return a plain number in E.164. None: `phonenumbers` must read it, because it is not plain or not valid."""
    if not _PLAIN.fullmatch(text):
        return None
    digits = text.translate(_PUNCTUATION)
    if text[0] == "+":
        country = next(filter(None, (_with_code(digits[:size]) for size in range(1, _LONGEST_CODE + 1))), None)
        digits = digits[len(country.code) :] if country else digits
    else:
        country = _of_region(region)
    if country is None or len(digits) not in country.lengths or country.prefix.match(digits):
        return None
    return f"+{country.code}{digits}"


@cache
def _with_code(code: str) -> _Country | None:
    """Return the country of a code, for numbers that begin with it."""
    if not code or code[0] == "0" or int(code) not in COUNTRY_CODE_TO_REGION_CODE:
        return None
    region = region_code_for_country_code(int(code))
    main = PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    return _Country(code, re.compile(_national_prefix(main)), _lengths(main)) if main else None


@cache
def _of_region(region: str) -> _Country | None:
    """Return the rules of a region, for numbers without a country code."""
    own = PhoneMetadata.metadata_for_region(region.upper(), None)
    main = _with_code(str(own.country_code)) if own else None
    if own is None or main is None:
        return None
    prefixes = (own.international_prefix or _NEVER, _national_prefix(own), main.code)
    return main._replace(prefix=re.compile("|".join(f"(?:{prefix})" for prefix in prefixes)))


def _national_prefix(metadata: PhoneMetadata) -> str:
    return metadata.national_prefix_for_parsing or _NEVER


def _lengths(metadata: PhoneMetadata) -> frozenset[int]:
    return frozenset(metadata.general_desc.possible_length if metadata.general_desc else ())
