"""Tracked e-mails: the classification of hits, and the links in the text."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from app.identity.message_tracking import TrackingSettings
from app.messaging.tracking.classify import settles_at
from app.messaging.tracking.links import MOST_LINKS, is_web_address, track
from app.messaging.tracking.models import HitClass, HitKind
from app.messaging.tracking.networks import is_data_centre, network_hash
from app.messaging.tracking.signals import HitRequest, signals_of
from tests.support.tracking import (
    APPLE_PROXY,
    BROWSERS,
    CHROME,
    GMAIL_PROXY,
    SAFARI,
    Visit,
    browser,
    hit_of,
    home,
    image,
    persons,
    scanners,
    settle,
    without,
)

CLINIC, MESSAGE = UUID(int=7), UUID(int=8)
BOTH = TrackingSettings(opens=True, clicks=True)
HERE = "http://127.0.0.1:8000"


def test_less_than_one_percent_of_scanner_hits_count_as_persons():
    settled = [(name, verdict) for name, visits in scanners() for _, verdict in settle(visits)]
    wrong = [name for name, verdict in settled if verdict.hit_class is HitClass.PERSON]
    assert len(settled) >= 200
    assert len(wrong) / len(settled) < 0.01, wrong


def test_persons_are_counted():
    for name, visits in persons():
        assert HitClass.PERSON in {verdict.hit_class for _, verdict in settle(visits)}, name


@pytest.mark.parametrize(
    ("visit", "expected"),
    [
        (Visit(600, browser(), home(1)), "person browser"),
        (Visit(600, browser(), home(1), method="HEAD"), "machine head"),
        (Visit(600, browser(purpose="prefetch"), home(1)), "machine prefetch"),
        (Visit(600, browser("python-requests/2.32"), home(1)), "machine scanner_agent"),
        (Visit(600, without(browser(), "user-agent"), home(1)), "machine no_agent"),
        (Visit(9, browser(), home(1)), "machine too_soon"),
        (Visit(10, browser(), home(1)), "person browser"),
        (Visit(600, image(APPLE_PROXY), "17.58.98.1", None), "machine privacy_proxy"),
        (Visit(600, image(GMAIL_PROXY), "66.249.84.1", None), "unsure image_proxy"),
        (Visit(600, without(browser(), "accept-language"), home(1)), "unsure no_language"),
        (Visit(600, browser(accept="*/*"), home(1)), "unsure no_page_wanted"),
        (Visit(600, without(browser(), "sec-fetch-mode"), home(1)), "unsure odd_fetch"),
        (Visit(600, without(browser(SAFARI), "sec-fetch-mode"), home(1)), "person browser"),
        (Visit(600, browser(), "20.69.14.1"), "unsure data_centre"),
        (Visit(600, without(browser(), "accept-language"), "20.69.14.1"), "machine odd_headers"),
        (Visit(600, browser(CHROME.replace("142", "61")), "148.163.130.1"), "machine odd_headers"),
        (Visit(600, image("Dalvik/2.1.0 (Linux; U; Android 14)"), home(1), None), "unsure unknown_program"),
        (Visit(600, browser("Dalvik/2.1.0 (Linux; U; Android 14)"), home(1)), "machine scanner_agent"),
        (Visit(600, image(sec_gpc="1"), home(1), None), "unsure privacy_signal"),
        (Visit(600, image(dnt="1"), home(1), None), "unsure privacy_signal"),
        (Visit(600, browser(sec_gpc="1", dnt="1"), home(1)), "person browser"),
    ],
)
def test_hit_by_itself(visit: Visit, expected: str):
    [(_, verdict)] = settle([visit])
    assert " ".join(verdict) == expected


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([Visit(603, browser(), home(2), link=1)], "machine several_links"),
        ([Visit(605, browser(), home(2), link=1)], "person browser"),
        ([Visit(605, browser(), home(2), 1), Visit(625, browser(), home(3), 2)], "machine several_links"),
        ([Visit(601, browser(), home(1))], "person browser"),  # the same link twice
        ([Visit(598, image(), home(1), None)], "machine after_open"),
        ([Visit(597, image(), home(1), None)], "person browser"),
        ([Visit(598, image(), home(2), None)], "person browser"),  # an image proxy, for example
        ([Visit(590, browser(), home(1), method="HEAD")], "machine with_machine"),
        ([Visit(590, browser(), home(2), method="HEAD")], "person browser"),
        ([Visit(560, browser(), home(1), method="HEAD")], "person browser"),
        ([Visit(600 + n, browser(), home(1)) for n in range(10)], "machine flood"),
        ([Visit(600 + n, browser(), home(1)) for n in range(9)], "person browser"),
        ([Visit(600 + n, browser(), home(1), message=n) for n in (1, 2, 3)], "machine many_recipients"),
        ([Visit(600 + n, browser(), home(1), message=n) for n in (1, 2)], "person browser"),
        ([Visit(600 + 40 * n, browser(), home(1), message=n) for n in (1, 2, 3)], "person browser"),
        ([Visit(600 + n, browser(), home(n + 1), message=n) for n in (1, 2, 3)], "person browser"),
    ],
)
def test_hit_beside_others(others: list[Visit], expected: str):
    (_, verdict), *_ = settle([Visit(600, browser(), home(1)), *others])
    assert " ".join(verdict) == expected


def test_machine_before_a_person_changes_nothing():
    first, later = settle([Visit(3, browser(), home(1)), Visit(300, browser(), home(1))])
    assert (first[1].hit_class, later[1].hit_class) == (HitClass.MACHINE, HitClass.PERSON)


@pytest.mark.parametrize(
    ("visit", "wait"),
    [
        (Visit(20, browser(), home(1)), 30),  # the burst may still come
        (Visit(1799, browser(), home(1)), 30),
        (Visit(1800, browser(), home(1)), 4),
        (Visit(1800, image(), home(1), None), 0),
        (Visit(20, browser("curl/8.5.0"), home(1)), 0),
        (Visit(2, browser(), home(1)), 0),
    ],
)
def test_fresh_hits_wait_for_the_end_of_their_burst(visit: Visit, wait: int):
    hit = hit_of(0, visit)
    assert settles_at(hit) - hit.at == timedelta(seconds=wait)


def test_every_browser_is_without_signals():
    for agent in BROWSERS:
        assert signals_of(HitRequest(HitKind.CLICK, "GET", browser(agent), home(1), is_https=True)) == frozenset()


def test_networks_are_grouped_by_prefix():
    assert network_hash("91.64.1.7") == network_hash("91.64.1.200") == network_hash("::ffff:91.64.1.9")
    assert network_hash("91.64.1.7") != network_hash("91.64.2.7")
    assert network_hash("2001:db8:1:2::1") == network_hash("2001:db8:1:ffff::9") != network_hash("2001:db8:2::1")
    assert network_hash(None) is network_hash("unix:") is None
    assert is_data_centre("104.47.1.1")
    assert not is_data_centre(None)


def test_links_are_rewritten_in_both_parts():
    body = (
        "Hello <Mia>,\n\nbook here: https://clinic.example/book?name=Mia&x=1. Or (see http://b.example/a_(b)), thanks"
    )
    text = track(body, CLINIC, MESSAGE, settings=BOTH)
    targets = [link["target"] for link in text.links]
    assert targets == ["https://clinic.example/book?name=Mia&x=1", "http://b.example/a_(b)"]
    assert "clinic.example" not in text.body
    assert text.body.count(f"{HERE}/t/c/") == text.html.count(f'href="{HERE}/t/c/') == 2
    assert text.body.startswith("Hello <Mia>,\n\nbook here: ")
    assert "<p>Hello &lt;Mia&gt;,</p>" in text.html
    assert ">https://clinic.example/book?name=Mia&amp;x=1</a>. Or" in text.html
    assert text.html.count(f'<img src="{HERE}/t/o/') == 1
    assert text == track(body, CLINIC, MESSAGE, settings=BOTH)  # the ids of another attempt are the same
    assert text.links != track(body, CLINIC, UUID(int=9), settings=BOTH).links


def test_each_kind_is_tracked_by_itself():
    body = "https://clinic.example/book\nBye"
    opens, clicks = (track(body, CLINIC, MESSAGE, settings=TrackingSettings(**{k: True})) for k in ("opens", "clicks"))
    assert (opens.body, opens.links) == (body, ())
    assert '<a href="https://clinic.example/book">' in opens.html
    assert "/t/o/" in opens.html
    assert "/t/o/" not in clicks.html
    assert len(clicks.links) == 1
    assert "<br>\nBye" in clicks.html


def test_links_to_unsubscribe_are_never_rewritten():
    body = f"{HERE}/preferences/abc {HERE}/unsubscribe/abc {HERE}/t/c/abc javascript:alert(1) ftp://x.example http:///x"
    text = track(body, CLINIC, MESSAGE, settings=BOTH)
    assert (text.body, text.links) == (body, ())


def test_number_of_links_is_bounded():
    body = " ".join(f"https://clinic.example/{i}" for i in range(MOST_LINKS + 5))
    text = track(body, CLINIC, MESSAGE, settings=BOTH)
    assert len(text.links) == MOST_LINKS
    assert text.body.endswith(f"https://clinic.example/{MOST_LINKS + 4}")
    long = f"https://clinic.example/{'x' * 3000}"
    assert track(long, CLINIC, MESSAGE, settings=BOTH).links == ()


def test_html_has_no_markup_of_the_text():
    text = track('<script>"x"</script> https://a.example/"onload=', CLINIC, MESSAGE, settings=BOTH)
    assert "<script>" not in text.html
    assert [link["target"] for link in text.links] == ["https://a.example/"]


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "//x.example", "http://", "https://x.example/\r\nX: 1", "http://[x"]
)
def test_other_targets_are_no_web_addresses(target: str):
    assert not is_web_address(target)


def test_own_address_for_tracking(configure: Callable[..., None]):
    configure(tracking_url="https://go.clinic.example/")
    text = track("https://a.example https://go.clinic.example/t/c/x", CLINIC, MESSAGE, settings=BOTH)
    assert text.body.startswith("https://go.clinic.example/t/c/")
    assert text.body.endswith(" https://go.clinic.example/t/c/x")
