"""Signals of one request: what its method, headers and address say about who sent it. Pure functions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from app.messaging.tracking.models import HitKind, HitReason
from app.messaging.tracking.networks import is_data_centre

# Scanners, crawlers, libraries, and programs that check a link before they open it. CUBOT makes telephones.
_SCANNERS: Final = re.compile(
    r"(?<!cu)bot\b|bots\b|crawl|spider|slurp|scan|preview|check|monitor|fetch|validator|headless|phantom|selenium"
    r"|puppeteer|playwright|python|urllib|aiohttp|httpx|curl/|wget|libwww|perl/|ruby/|php/|java/|jakarta|okhttp|go-http"
    r"|axios|\bnode|undici|httpclient|winhttp|safelinks|mimecast|proofpoint|barracuda|symantec|messagelabs|fireeye"
    r"|trellix|sophos|trend ?micro|forcepoint|ironport|\bforti|avanan|vadesecure|cloudmark|bitdefender|\beset\b"
    r"|kaspersky|mcafee|virustotal|urlscan|facebookexternalhit|office (existence|protocol) discovery|postman|insomnia"
    r"|zgrab|masscan|nmap",
    re.IGNORECASE,
)
_OFFICE: Final = re.compile(r"ms-?office|microsoft outlook|microsoft office", re.IGNORECASE)
_IMAGE_PROXY: Final = re.compile(r"googleimageproxy|ggpht\.com|yahoomailproxy|yahoo! ?mail ?proxy", re.IGNORECASE)
_OLD: Final = re.compile(r"\bMSIE\b|\bTrident/|\bWindows NT 5\.|\bPresto/|\bEdge/1[0-8]\.")
_VERSION: Final = re.compile(r"\b(Chrome|Firefox)/(\d+)")
_OLDEST: Final = {"Chrome": 80, "Firefox": 78}  # of 2020
_SENDS_FETCH: Final = {"Chrome": 80, "Firefox": 90}  # first version with Sec-Fetch-Mode
_APPLE_PROXY: Final = "Mozilla/5.0"  # Apple Mail Privacy Protection sends nothing more


@dataclass(frozen=True, slots=True)
class HitRequest:
    """A request for a tracked address. Names of `headers` are in lower case."""

    kind: HitKind
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None
    is_https: bool = False  # browsers send Sec-Fetch-Mode only over HTTPS


def signals_of(request: HitRequest) -> frozenset[HitReason]:
    """Return the signals of a request. No signal speaks for a person: they are what speaks against one."""
    return frozenset(_signals(request))


def _signals(request: HitRequest) -> Iterator[HitReason]:
    headers, agent = request.headers, request.headers.get("user-agent", "").strip()
    if request.method == "HEAD":
        yield HitReason.HEAD
    if _loads_ahead(headers):
        yield HitReason.PREFETCH
    if headers.get("sec-gpc") == "1" or headers.get("dnt") == "1":
        yield HitReason.PRIVACY_SIGNAL
    if is_data_centre(request.address):
        yield HitReason.DATA_CENTRE
    yield from _of_agent(agent, request.kind)
    yield from _of_browser(request, agent)


def _loads_ahead(headers: Mapping[str, str]) -> bool:
    purposes = (headers.get(name, "") for name in ("purpose", "sec-purpose", "x-purpose", "x-moz"))
    return any(word in purpose.lower() for purpose in purposes for word in ("prefetch", "preview", "prerender"))


def _of_agent(agent: str, kind: HitKind) -> Iterator[HitReason]:
    is_open = kind is HitKind.OPEN
    if not agent:
        yield HitReason.NO_AGENT
    elif agent == _APPLE_PROXY:
        yield HitReason.PRIVACY_PROXY if is_open else HitReason.SCANNER_AGENT
    elif _IMAGE_PROXY.search(agent):
        yield HitReason.IMAGE_PROXY if is_open else HitReason.SCANNER_AGENT
    elif _OFFICE.search(agent):  # Outlook loads images itself, but opens links in a browser
        if not is_open:
            yield HitReason.SCANNER_AGENT
    elif _SCANNERS.search(agent):
        yield HitReason.SCANNER_AGENT
    elif not agent.startswith("Mozilla/"):  # some mail programs load images with a name of their own
        yield HitReason.UNKNOWN_PROGRAM if is_open else HitReason.SCANNER_AGENT
    elif _is_old(agent):
        yield HitReason.OLD_BROWSER


def _is_old(agent: str) -> bool:
    return bool(_OLD.search(agent)) or any(version < _OLDEST[name] for name, version in _versions(agent))


def _of_browser(request: HitRequest, agent: str) -> Iterator[HitReason]:
    """Yield what is missing from the headers that a browser, or a mail program, always sends."""
    headers = request.headers
    if not headers.get("accept-language", "").strip():
        yield HitReason.NO_LANGUAGE
    if request.kind is HitKind.CLICK and "text/html" not in headers.get("accept", ""):
        yield HitReason.NO_PAGE_WANTED
    if request.kind is HitKind.CLICK and request.is_https and _has_odd_fetch(headers, agent):
        yield HitReason.ODD_FETCH


def _has_odd_fetch(headers: Mapping[str, str], agent: str) -> bool:
    mode = headers.get("sec-fetch-mode")
    if mode is not None:
        return mode != "navigate"
    return any(version >= _SENDS_FETCH[name] for name, version in _versions(agent))


def _versions(agent: str) -> list[tuple[str, int]]:
    return [(name, int(version)) for name, version in _VERSION.findall(agent)]
