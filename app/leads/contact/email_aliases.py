"""Aliases of e-mail addresses: notations of one mailbox, as the large providers define them. Pure."""

from collections.abc import Mapping
from typing import Final

_GMAIL: Final = "gmail.com"
# Host names of a provider, and its main one.
_SAME_HOST: Final[Mapping[str, str]] = {"googlemail.com": _GMAIL}
# Providers that deliver `name+anything` to `name`.
_WITH_TAGS: Final = frozenset(
    {
        _GMAIL,
        *("outlook.com", "hotmail.com", "live.com", "msn.com", "outlook.de", "outlook.fr", "hotmail.co.uk"),
        *("hotmail.fr", "hotmail.de", "hotmail.es", "hotmail.it", "icloud.com", "me.com", "mac.com"),
        *("fastmail.com", "fastmail.fm", "proton.me", "protonmail.com", "pm.me"),
    }
)


def main_address(address: str) -> str:
    """Return the main address of a mailbox in lower case: `A.Na+kids@googlemail.com` becomes `ana@gmail.com`.

    Gmail ignores dots before the `@`. Addresses of other providers keep them, because there they tell people apart.
    """
    name, _, host = address.strip().lower().rpartition("@")
    host = _SAME_HOST.get(host, host)
    plain = name.partition("+")[0] if host in _WITH_TAGS else name
    if host == _GMAIL:
        plain = plain.replace(".", "")
    return f"{plain or name}@{host}"
