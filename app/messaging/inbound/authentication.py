"""Results of SPF, DKIM and DMARC, as the clinic's own mail server reports them (RFC 8601).

Anyone can write the header `Authentication-Results`, so only that of the server which the mailbox names counts. A
server adds its header above those that the mail brought along, so of several headers of one server the first counts.
Providers that pass on mail by HTTP report results beside the mail, which no sender can write.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.core.type_aliases import JsonDict
from app.messaging.inbound.parsing.parse import MAX_HEADER, MAX_HEADERS, ParsedEmail, readable
from app.messaging.rendering.safe_text import one_line

_METHODS: Final = ("dmarc", "spf", "dkim")
NO_RESULT: Final = "none"  # if the server reports none
_FAIL: Final = "fail"
_TEXT: Final = re.compile(r'\\.|"(?:[^"\\]|\\.)*"|[^"\\(]+|.', re.DOTALL)  # outside comments
_IN_COMMENT: Final = re.compile(r"\\.|[^\\()]+|.", re.DOTALL)  # a quote is a character like any other there
_RESULT: Final = re.compile(r"\s*([a-z0-9-]{1,40})(?:\s*/\s*\d{1,3})?\s*=\s*([a-z]{1,20})(?![a-z])", re.IGNORECASE)
_DMARC_FAILED: Final = re.compile(r";\s*dmarc\s*(?:/\s*\d{1,3}\s*)?=\s*fail(?![a-z])", re.IGNORECASE)
_HEADER_FROM: Final = re.compile(r"\bheader\.from\s*=\s*(?:[^\s@;]*@)?([a-z0-9.-]{1,253})", re.IGNORECASE)


class OnFailedAuthentication(StrEnum):
    """Handling of an answer whose sender the mail server says is forged."""

    ACCEPT = "accept"  # as any other answer
    REVIEW = "review"  # it waits for a user, and stops nothing until then


@dataclass(frozen=True, slots=True)
class AuthenticationPolicy:
    """The settings of a mailbox or a provider's webhook.

    `server` is the name with which the own server begins the header; None: no header counts. `provider` is the name of
    a provider, and `checks` the results that it reports beside the mail. They win over those of a header.
    """

    server: str | None = None
    on_failure: OnFailedAuthentication = OnFailedAuthentication.ACCEPT
    provider: str | None = None
    checks: Mapping[str, str] = field(default_factory=dict)


NO_AUTHENTICATION: Final = AuthenticationPolicy()


@dataclass(frozen=True, slots=True)
class Authentication:
    """The results of a mail, such as `pass`, `fail` or `none`."""

    server: str
    dmarc: str = NO_RESULT
    spf: str = NO_RESULT
    dkim: str = NO_RESULT

    @property
    def is_forged(self) -> bool:
        """Whether the sender's domain says that the mail is not its own."""
        return self.dmarc == _FAIL

    def to_json(self) -> JsonDict:
        """Return the JSON for a row."""
        return {"server": self.server, **{method: getattr(self, method) for method in _METHODS}}


def read_authentication(mail: ParsedEmail, policy: AuthenticationPolicy) -> Authentication | None:
    """Return the results of the policy's provider, and those that its server reports; None without both."""
    if policy.server is None:
        return Authentication(policy.provider, **policy.checks) if policy.provider else None
    written = next((one for one in _headers(mail) if _server_of(one) == policy.server.lower()), "")
    header = _without_comments(written)
    results = dict(_results(header))
    # A `pass` counts only for the address that counts here.
    is_other = results.get("dmarc") == "pass" and not _is_about(header, mail.sender)
    if is_other or _DMARC_FAILED.search(written):
        results["dmarc"] = _FAIL
    return Authentication(policy.provider or policy.server, **{**results, **policy.checks})


def _headers(mail: ParsedEmail) -> Iterator[str]:
    """Yield the headers from the top, in their full length.

    The server repeats addresses and names of the sender, who may make the header long, or open a comment or a quoted
    text in it that does not end. So a failure of DMARC counts wherever it stands.
    """
    for name, value in mail.parts[0].items()[:MAX_HEADERS] if mail.parts else ():
        if name.lower() == "authentication-results":
            yield one_line(readable(str(value)))


def _without_comments(text: str) -> str:
    """Return the start of the header without comments and quoted text."""
    text, kept, depth, place = text[:MAX_HEADER], [], 0, 0
    while found := (_IN_COMMENT if depth else _TEXT).match(text, place):
        part, place = found[0], found.end()
        if depth == 0 and part != "(":
            kept.append('""' if part[0] == '"' else part)
        depth += (part == "(") - (part == ")" and depth > 0)
    return "".join(kept)


def _server_of(header: str) -> str:
    words = _without_comments(header.partition(";")[0]).split()
    return words[0].lower() if words else ""


def _results(header: str) -> Iterator[tuple[str, str]]:
    """Yield method and result. Of several results of one method, such as two signatures, `pass` counts."""
    found: dict[str, str] = {}
    for part in header.split(";")[1:]:
        if (match := _RESULT.match(part)) and (method := match[1].lower()) in _METHODS and found.get(method) != "pass":
            found[method] = match[2].lower()
    yield from found.items()


def _is_about(header: str, sender: str | None) -> bool:
    """Whether the result of DMARC is about the domain of the sender. Some servers do not name it."""
    parts = (part for part in header.split(";")[1:] if part.strip().lower().startswith("dmarc"))
    named = next((match for part in parts if (match := _HEADER_FROM.search(part))), None)
    return named is None or named[1].lower() == (sender or "").rpartition("@")[2]
