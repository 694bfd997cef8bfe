"""Requests for tracked links and images: those of mail filters and other programs, and those of persons.

The programs behave as their vendors and the issues of other projects describe them: they name themselves or pretend to
be a browser, come before the reader or hours later, follow every link, or look at the messages of all recipients.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.core.db import to_json, transaction
from app.messaging.tracking.classify import Hit, Verdict, classify, settles_at
from app.messaging.tracking.models import HitKind, HitReason
from app.messaging.tracking.networks import network_hash
from app.messaging.tracking.record import record_open
from app.messaging.tracking.signals import HitRequest, signals_of
from tests.support.practice import Practice, sql

SENT_AT = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
SWEEP = 5  # seconds between two sweeps

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.1 Mobile/15E148 Safari/604.1"
)
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
BROWSERS = (
    CHROME,
    FIREFOX,
    SAFARI,
    f"{CHROME} Edg/142.0.0.0",
    f"Mozilla/5.0 (Linux; Android 14; SM-S911B) {_WEBKIT} SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 13; CUBOT X19) {_WEBKIT} Chrome/141.0.0.0 Mobile Safari/537.36",
    f"{_MAC} Version/18.3 Safari/605.1.15",
)
MAIL_PROGRAMS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.4.0",
    _MAC,
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; Microsoft Outlook 16.0.5134; ms-office)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    CHROME,
    FIREFOX,
)
APPLE_PROXY = "Mozilla/5.0"
GMAIL_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
PROGRAMS = (
    "python-requests/2.32.3",
    "Go-http-client/2.0",
    "curl/8.5.0",
    "Java/17.0.2",
    "okhttp/4.12.0",
    "Apache-HttpClient/4.5.13 (Java/11.0.20)",
    "Mozilla/5.0 (compatible; BarracudaCentral/1.0; link scanner)",
    "Mozilla/5.0 (compatible; proofpoint URL defense)",
    "Mimecast/1.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) BingPreview/1.0b",
    "Microsoft Office Existence Discovery",
    "SymantecLinkScanner/2.1",
    "Mozilla/5.0 (compatible; Avanan Email Security)",
    "WhatsApp/2.24.1 A",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "facebookexternalhit/1.1",
)
AZURE, PROOFPOINT, AMAZON, APPLE = "20.69.14.{}", "148.163.130.{}", "3.88.12.{}", "17.58.98.{}"
HOME = "91.64.{}.{}"


@dataclass(frozen=True)
class Visit:
    """A request, `after` seconds after the message was sent. `link`: its number, None for the image."""

    after: float
    headers: dict[str, str]
    address: str
    link: int | None = 0
    method: str = "GET"
    message: int = 0

    @property
    def request(self) -> HitRequest:
        kind = HitKind.OPEN if self.link is None else HitKind.CLICK
        return HitRequest(kind, self.method, self.headers, self.address, is_https=True)


def browser(agent: str = CHROME, **more: str) -> dict[str, str]:
    """Return the headers of a browser that follows a link."""
    headers = {
        "user-agent": agent,
        "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "accept-language": "de-DE,de;q=0.9,en;q=0.8",
        "sec-fetch-mode": "navigate",
        "sec-fetch-site": "none",
    }
    return headers | {name.replace("_", "-"): value for name, value in more.items()}


def image(agent: str = CHROME, **more: str) -> dict[str, str]:
    """Return the headers of a mail program that loads an image."""
    headers = {"user-agent": agent, "accept": "image/avif,image/webp,*/*;q=0.8", "accept-language": "de-DE,de;q=0.9"}
    return headers | {name.replace("_", "-"): value for name, value in more.items()}


def home(number: int) -> str:
    """Return the address of a household, in a network of its own."""
    return HOME.format(number % 250, 7)


def without(headers: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


def scanners() -> Iterator[tuple[str, list[Visit]]]:
    """Yield stories of programs: a name, and the requests for one message or several."""
    for i, agent in enumerate(PROGRAMS):
        plain = {"user-agent": agent, "accept": "*/*"}
        yield f"program early: {agent}", [Visit(20 + i, plain, AMAZON.format(i))]
        yield f"program late: {agent}", [Visit(7200 + i, browser(agent), home(i))]
    for i in range(8):
        azure = AZURE.format(i)
        yield (
            f"Safe Links, HEAD before GET {i}",
            [
                Visit(14 + i, browser(), azure, method="HEAD"),
                Visit(15 + i, browser(), azure),
            ],
        )
        yield (
            f"Defender detonates every link {i}",
            [Visit(40 + i + link / 2, browser(), AZURE.format(i + link), link) for link in range(4)],
        )
        yield f"Mimecast before delivery {i}", [Visit(1 + i, browser(), home(i), link) for link in range(2)]
        old = CHROME.replace("Chrome/142", f"Chrome/{50 + i}")
        yield f"Proofpoint as an old browser {i}", [Visit(90 + i, browser(old), PROOFPOINT.format(i))]
        yield (
            f"Barracuda without language {i}",
            [Visit(60 + i, without(browser(), "accept-language", "sec-fetch-mode"), home(i))],
        )
        yield f"Apple Mail loads ahead {i}", [Visit(5 + i * 600, image(APPLE_PROXY), APPLE.format(i), None)]
        yield (
            f"Gmail proxy {i}",
            [Visit(30 + i * 300, without(image(GMAIL_PROXY), "accept-language"), f"66.249.84.{i}", None)],
        )
        yield (
            f"perfect browser at home, two links at once {i}",
            [
                Visit(120 + i, browser(), home(i), 0),
                Visit(121.5 + i, browser(), home(i + 9), 1),
            ],
        )
        yield (
            f"perfect browser, link after link {i}",
            [Visit(900 + i + 8 * link, browser(FIREFOX), home(i + link), link) for link in range(4)],
        )
        yield (
            f"late burst after forwarding {i}",
            [Visit(10_800 + i * 1.3 + link * 0.7, browser(), home(i), link) for link in range(4)],
        )
        yield (
            f"image and link at once {i}",
            [
                Visit(300 + i, image(), home(i), None),
                Visit(301 + i, browser(), home(i)),
                Visit(301.5 + i, browser(), home(i), 1),
            ],
        )
    for i in range(4):
        yield (
            f"one link of many recipients {i}",
            [Visit(45 + i + 3 * message, browser(), f"91.64.200.{message}", message=message) for message in range(8)],
        )
        yield f"prefetch {i}", [Visit(400 + i, browser(sec_purpose="prefetch;prerender"), home(i))]
        yield f"script in a page {i}", [Visit(500 + i, browser(sec_fetch_mode="cors"), AMAZON.format(i))]
        yield f"no headers {i}", [Visit(100 + i, {}, home(i))]
    yield "cannot be told from a person", [Visit(95, browser(), home(77))]


def persons() -> Iterator[tuple[str, list[Visit]]]:
    """Yield stories of persons. Each is one person, who is to be counted once or more."""
    for i, agent in enumerate(BROWSERS):
        for after in (25, 400, 3600, 200_000):
            yield f"click {i} after {after}", [Visit(after + i, browser(agent), home(i))]
        yield (
            f"click over a proxy that hides fetch metadata {i}",
            [Visit(4000 + i, browser(SAFARI) if agent == SAFARI else browser(agent), home(i))],
        )
        yield f"click with GPC {i}", [Visit(700 + i, browser(agent, sec_gpc="1"), home(i))]
        yield (
            f"two links, half a minute apart {i}",
            [
                Visit(600 + i, browser(agent), home(i), 0),
                Visit(632 + i, browser(agent), home(i), 1),
            ],
        )
        yield (
            f"click twice on one link {i}",
            [
                Visit(800 + i, browser(agent), home(i)),
                Visit(801 + i, browser(agent), home(i)),
            ],
        )
        yield (
            f"after a scanner {i}",
            [
                *(Visit(12 + link / 2, browser(), AZURE.format(i), link) for link in range(3)),
                Visit(900 + i, browser(agent), home(i)),
            ],
        )
    for i, agent in enumerate(MAIL_PROGRAMS):
        for after in (30, 5000):
            yield f"open {i} after {after}", [Visit(after + i, image(agent), home(i), None)]
        yield (
            f"open, then click {i}",
            [
                Visit(60 + i, image(agent), home(i), None),
                Visit(75 + i, browser(), home(i)),
            ],
        )


def track(practice: Practice, **kinds: bool) -> None:
    """Let the clinic count opens or clicks, past the service."""
    sql(
        "UPDATE clinics SET message_tracking = CAST(:kinds AS jsonb), rules_version = rules_version + 1 WHERE id = :c",
        kinds=to_json(kinds),
        c=practice.clinic_id,
    )


def open_message(message_id: UUID, *, headers: dict[str, str] | None = None) -> None:
    """Load the image of a message, as a person's mail program does by default."""
    with transaction() as session:
        record_open(session, message_id, HitRequest(HitKind.OPEN, headers=headers or image(), address=home(1)))


def settle(visits: Sequence[Visit]) -> list[tuple[Visit, Verdict]]:
    """Return each visit with its final class, as sweeps every five seconds find it."""
    hits = [hit_of(number, visit) for number, visit in enumerate(visits)]
    return [(visit, classify(hit, _known(hit, hits))) for visit, hit in zip(visits, hits, strict=True)]


def _known(hit: Hit, hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits that are stored when the first sweep settles this one."""
    wait = (settles_at(hit) - SENT_AT).total_seconds()
    swept = SENT_AT + timedelta(seconds=-(-wait // SWEEP) * SWEEP)
    return [one for one in hits if one.at <= swept]


def hit_of(number: int, visit: Visit) -> Hit:
    signals = signals_of(visit.request)
    return Hit(
        id=UUID(int=number + 1),
        clinic_id=UUID(int=1),
        kind=visit.request.kind,
        at=SENT_AT + timedelta(seconds=visit.after),
        sent_at=SENT_AT,
        notification_id=UUID(int=visit.message + 1),
        lead_id=UUID(int=visit.message + 1),
        link_id=None if visit.link is None else UUID(int=100 * visit.message + visit.link + 1),
        network=None if HitReason.PRIVACY_SIGNAL in signals else network_hash(visit.address),
        signals=signals,
    )
