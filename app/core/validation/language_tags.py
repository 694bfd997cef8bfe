"""Language tags (BCP 47), such as `fr`, `fr-CA` and `zh-Hant-TW`. Pure."""

import re
from collections.abc import Iterator
from typing import Final

DEFAULT: Final = "en"  # language of a clinic that sets no other

_TAG: Final = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.ASCII | re.IGNORECASE)


def normalize(tag: str) -> str:
    """Normalize a tag: `FR-ca` becomes `fr-CA`. Script and region are optional. Raises ValueError."""
    found = _TAG.fullmatch(tag)
    if found is None:
        raise ValueError("Must be a language such as fr or fr-CA.")
    language, script, region = found.groups(default="")
    return "-".join(part for part in (language.lower(), script.title(), region.upper()) if part)


def fallbacks(*tags: str | None) -> tuple[str, ...]:
    """Return the languages to try for a text, best first: each tag, then its parents (lookup, RFC 4647, 3.4).

    For `fr-CA` and `en`: `fr-CA`, `fr`, `en`. None is skipped.
    """
    return tuple(dict.fromkeys(wider for tag in tags if tag for wider in _widened(tag)))


def _widened(tag: str) -> Iterator[str]:
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
