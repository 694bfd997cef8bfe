"""Languages by their tags (BCP 47): `fr`, `fr-CA`, `zh-Hant-TW`. Pure."""

import re
from collections.abc import Iterator
from typing import Final

DEFAULT: Final = "en"  # of a clinic that says no other

_TAG: Final = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.ASCII | re.IGNORECASE)


def normalise(tag: str) -> str:
    """`FR-ca` as `fr-CA`: a language, with a script and a region where it has them. Raises ValueError."""
    found = _TAG.fullmatch(tag)
    if found is None:
        raise ValueError("Must be a language such as fr or fr-CA.")
    language, script, region = found.groups(default="")
    return "-".join(part for part in (language.lower(), script.title(), region.upper()) if part)


def in_order(*tags: str | None) -> tuple[str, ...]:
    """In which languages to look for a text, the best first: each tag, then what it is a kind of (RFC 4647, 3.4).

    `fr-CA` and `en` are `fr-CA`, `fr`, `en`; None is nothing.
    """
    return tuple(dict.fromkeys(wider for tag in tags if tag for wider in _widened(tag)))


def _widened(tag: str) -> Iterator[str]:
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
