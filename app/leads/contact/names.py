"""Normalisation of names for comparison."""

import re
import unicodedata
from typing import Final

# Ends of host names that mail programs turn into links, beside those with a path. Not `de`, `in`, `to`: `Ma.de Jesús`.
_ENDINGS: Final = (
    *("com", "net", "org", "info", "biz", "edu", "gov", "app", "dev", "xyz", "top", "shop", "site", "online", "store"),
    *("click", "link", "live", "club", "page", "icu", "vip", "win", "bid", "pro", "ru", "cn", "tk", "ml", "ga", "cf"),
    *("io", "ly", "gl", "gd", "ai", "su", "ws", "cc", "pw", "uk", "fr", "br", "us", "eu"),
)
_ADDRESS: Final = re.compile(
    rf"://|www\.|@|[\w-]\.[a-z]{{2,}}/|[\w-]\.(?:{'|'.join(_ENDINGS)})(?![\w-])", re.IGNORECASE
)


def contains_address(text: str) -> bool:
    """Whether a text has a web or e-mail address, which programs that show it turn into a link."""
    return bool(_ADDRESS.search(unicodedata.normalize("NFKC", text)))


def normalise_name(*names: str) -> str:
    """Remove accents and capitals: `Íñigo` becomes `inigo`."""
    folded = " ".join(names).casefold()
    if folded.isascii():  # nothing to decompose, and most names of a duplicate search are like this
        return folded
    decomposed = unicodedata.normalize("NFKD", folded)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
