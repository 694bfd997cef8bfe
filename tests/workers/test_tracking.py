"""Tracked e-mails: sent over SMTP, opened and clicked over HTTP, and settled by the sweep."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from app.api.messaging.tracking.hit_routes import HITS_PER_MINUTE
from app.clock import now
from app.engine.models import Kind
from app.messaging.tracking.links import CLICK_PURPOSE, OPEN_PURPOSE
from app.ops.embedded import Postgres
from app.security.public_limits import count_public_call
from app.security.signed_ids import sign_id
from tests.support.desk import Caller, Desk, the_app
from tests.support.practice import Watch, sql
from tests.support.smtp import SmtpServer
from tests.support.tracking import AZURE, GMAIL_PROXY, SAFARI, Visit, browser, home, image
from workers import runner
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.desk"]

SETTINGS = "/api/settings/message-tracking"
BODY = "Hello Ana,\n\nbook here: https://clinic.example/book?name=Ana\nor read https://clinic.example/braces."
NOTHING = dict.fromkeys((f"{one}_{kind}" for one in ("person", "machine", "unsure") for kind in ("opens", "clicks")), 0)


class Letter:
    """An e-mail as the lead gets it: its parts, and the paths in it."""

    def __init__(self, message: Any) -> None:
        parts = [message] if not message.is_multipart() else message.get_payload()
        self.types = [part.get_content_type() for part in parts]
        texts = [part.get_payload(decode=True).decode() for part in parts]
        self.text, self.html = texts[0], texts[1] if len(texts) > 1 else ""
        self.links = re.findall(r"https?://[^/\s]+(/t/c/[0-9a-v]{42})", self.text)
        self.images = re.findall(r"https?://[^/\s]+(/t/o/[0-9a-v]{42})", self.html)


@pytest.fixture
def desk(watch: Watch, desk: Desk, smtp: SmtpServer) -> Desk:
    """A clinic in the daytime, with a mail server, which counts opens and clicks."""
    track(desk)
    return desk


def track(desk: Desk, *, opens: bool = True, clicks: bool = True) -> None:
    assert desk.admin.put(SETTINGS, {"opens": opens, "clicks": clicks}).status == 200


def write(desk: Desk, lead: dict[str, Any] | None = None, body: str = BODY) -> dict[str, Any]:
    """Write an e-mail to a lead, without sending it."""
    lead = lead or desk.capture(email="ana@lead.example")
    message = {"channel": "email", "subject": "Your visit", "body": body}
    answer = desk.admin.post(f"/api/leads/{lead['id']}/messages", message)
    assert answer.status == 201, answer.body
    return lead


def deliver() -> None:
    while runner.run(Kind.DELIVER, []):
        pass


def letter(desk: Desk, smtp: SmtpServer, lead: dict[str, Any] | None = None, body: str = BODY) -> Letter:
    """Send an e-mail to a lead, and return it as the mail server got it."""
    write(desk, lead, body)
    deliver()
    return Letter(smtp.received[-1].message)


def come(desk: Desk, mail: Letter, visit: Visit) -> TestResponse:
    """Send a request from its address, over HTTPS."""
    path = mail.images[0] if visit.link is None else mail.links[visit.link]
    return desk.client().open(
        path,
        method=visit.method,
        headers=visit.headers,
        environ_overrides={"REMOTE_ADDR": visit.address},
        base_url="https://leads.example",
    )


def follow(desk: Desk, watch: Watch, mail: Letter, *visits: Visit) -> None:
    """Make the visits at their times after now, with sweeps every five seconds until all are settled."""
    start, elapsed = now(), 0
    for visit in sorted(visits, key=lambda one: one.after):
        while elapsed + 5 <= visit.after and (elapsed < 120 or visit.after - elapsed < 120):
            elapsed += 5
            watch.set(start + timedelta(seconds=elapsed))
            sweep("settle_tracking_hits")
        watch.set(start + timedelta(seconds=visit.after))
        elapsed = int(visit.after)
        come(desk, mail, visit)
    settle(watch)


def settle(watch: Watch) -> None:
    watch.advance(seconds=31)
    sweep("settle_tracking_hits")


def shown(desk: Desk) -> dict[str, Any]:
    """Return the newest e-mail to a lead as the API shows it."""
    note = desk.admin.get("/api/notifications", channel="email").body["items"][0]
    found: dict[str, Any] = desk.admin.get(f"/api/notifications/{note['id']}").body
    return found


def counts(desk: Desk) -> dict[str, int]:
    """Return the counts that are not 0."""
    tracked = shown(desk)["tracked"]
    return {name: tracked[name] for name in NOTHING if tracked[name]}


def events(desk: Desk) -> list[str]:
    found = sql(
        "SELECT name FROM events WHERE clinic_id = :c AND name IN ('message.opened', 'message.clicked') ORDER BY id",
        c=desk.clinic_id,
    )
    return [row.name for row in found]


def hits(desk: Desk) -> list[Any]:
    return sql("SELECT * FROM tracking_hits WHERE clinic_id = :c ORDER BY id", c=desk.clinic_id)


def test_nothing_is_tracked_by_default(watch: Watch, desk: Desk, smtp: SmtpServer):
    track(desk, opens=False, clicks=False)
    mail = letter(desk, smtp)
    assert (mail.types, mail.links) == (["text/plain"], [])
    assert "https://clinic.example/book?name=Ana" in mail.text
    assert shown(desk)["tracked"] is None


def test_settings_are_off_until_an_admin_turns_them_on(desk: Desk, other_desk: Desk):
    first = other_desk.doctor.get(SETTINGS)
    assert first.body == {"opens": False, "clicks": False, "version": 1}
    changed = other_desk.admin.patch(SETTINGS, {"clicks": True}, seen=first.headers["ETag"])
    assert (changed.status, changed.body) == (200, {"opens": False, "clicks": True, "version": 2})
    assert other_desk.admin.put(SETTINGS, {}, seen=first.headers["ETag"]).status == 412
    assert other_desk.coordinator.put(SETTINGS, {}).status == 403
    assert other_desk.admin.put(SETTINGS, {"opens": "x", "links": True}).pointers == ["/links", "/opens"]
    [entry] = sql("SELECT act, fields FROM audit_entries WHERE clinic_id = :c", c=other_desk.clinic_id)
    assert (entry.act, entry.fields) == ("update", ["message_tracking"])


@contextmanager
def served() -> Iterator[str]:
    """Serve the API over HTTP. Yields its URL."""
    server = make_server("127.0.0.1", 0, the_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def test_person_opens_and_clicks_over_smtp_and_http(
    desk: Desk, watch: Watch, smtp: SmtpServer, configure: Callable[..., None]
):
    with served() as url, httpx.Client(headers=browser(SAFARI), follow_redirects=False) as client:
        configure(public_url=url)
        mail = letter(desk, smtp)
        assert mail.types == ["text/plain", "text/html"]
        assert "clinic.example" not in mail.text
        assert ">https://clinic.example/book?name=Ana</a>" in mail.html
        watch.advance(minutes=2)
        loaded = client.get(url + mail.images[0], headers=image(SAFARI))
        watch.advance(seconds=20)
        redirect = client.get(url + mail.links[0])

    assert (loaded.status_code, loaded.headers["Content-Type"], loaded.content[:6]) == (200, "image/gif", b"GIF89a")
    assert (redirect.status_code, redirect.content) == (302, b"")
    assert redirect.headers["Location"] == "https://clinic.example/book?name=Ana"
    for answer in (loaded, redirect):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers

    assert sweep("settle_tracking_hits")
    assert (counts(desk), events(desk)) == ({}, [])  # a burst may still come
    settle(watch)
    assert counts(desk) == {"person_opens": 1, "person_clicks": 1}
    assert events(desk) == ["message.opened", "message.clicked"]
    message = shown(desk)
    assert (message["opened_at"][14:19], message["clicked_at"][14:19]) == ("02:00", "02:20")
    assert {hit.reason for hit in hits(desk)} == {"browser"}


def test_scanner_fires_nothing_and_the_person_after_it_counts_once(desk: Desk, watch: Watch, smtp: SmtpServer):
    mail = letter(desk, smtp)
    scanner = [
        Visit(14, browser(), AZURE.format(1), method="HEAD"),
        Visit(14.5, browser(), AZURE.format(1)),
        Visit(15, browser(), AZURE.format(2), link=1),
        Visit(16, image(), AZURE.format(2), link=None),
    ]
    follow(desk, watch, mail, *scanner)
    assert (counts(desk), events(desk)) == ({"machine_clicks": 3, "machine_opens": 1}, [])
    assert shown(desk)["clicked_at"] is None

    follow(desk, watch, mail, Visit(600, browser(), home(1)), Visit(660, browser(), home(1)))
    assert counts(desk) == {"machine_clicks": 3, "machine_opens": 1, "person_clicks": 2}
    assert events(desk) == ["message.clicked"]


def test_burst_is_recognised_after_its_first_hit(desk: Desk, watch: Watch, smtp: SmtpServer):
    mail = letter(desk, smtp)
    follow(desk, watch, mail, Visit(120, browser(), home(1)), Visit(123, browser(), home(2), link=1))
    assert (counts(desk), events(desk)) == ({"machine_clicks": 2}, [])
    assert {hit.reason for hit in hits(desk)} == {"several_links"}


def test_late_click_is_settled_by_the_next_sweep(desk: Desk, watch: Watch, smtp: SmtpServer):
    mail = letter(desk, smtp)
    watch.advance(hours=3)
    come(desk, mail, Visit(0, browser(), home(1)))
    watch.advance(seconds=5)
    sweep("settle_tracking_hits")
    assert events(desk) == ["message.clicked"]


def test_many_recipients_of_one_network_are_a_machine(desk: Desk, watch: Watch, smtp: SmtpServer):
    mails = [letter(desk, smtp, desk.capture(email=f"ana{n}@lead.example")) for n in range(5)]
    watch.advance(minutes=1)
    for number, mail in enumerate(mails):
        come(desk, mail, Visit(0, browser(), f"91.64.200.{number}"))
        watch.advance(seconds=3)
    settle(watch)
    assert {hit.reason for hit in hits(desk)} == {"many_recipients"}
    assert events(desk) == []


def test_privacy_signal_counts_clicks_and_no_opens(desk: Desk, watch: Watch, smtp: SmtpServer):
    mail = letter(desk, smtp)
    follow(
        desk,
        watch,
        mail,
        Visit(100, image(sec_gpc="1"), home(1), link=None),
        Visit(160, browser(dnt="1"), home(1)),
        Visit(300, image(GMAIL_PROXY), "66.249.84.1", link=None),
    )
    assert counts(desk) == {"unsure_opens": 2, "person_clicks": 1}
    assert [hit.reason for hit in hits(desk)] == ["privacy_signal", "browser", "image_proxy"]
    assert [hit.network is None for hit in hits(desk)] == [True, True, False]


def test_unknown_addresses_record_nothing(desk: Desk, smtp: SmtpServer):
    mail, client = letter(desk, smtp), desk.client()
    tokens = ["x", "0" * 42, "é" * 42, sign_id("preferences", UUID(int=1)), mail.images[0][5:]]
    for token in [*tokens, sign_id(CLICK_PURPOSE, UUID(int=1))]:
        missing = client.get(f"/t/c/{token}")
        assert (missing.status_code, missing.mimetype) == (404, "text/html")
    for token in [*tokens[:-1], sign_id(OPEN_PURPOSE, UUID(int=1)), mail.links[0][5:]]:
        assert (client.get(f"/t/o/{token}").status_code, client.get(f"/t/o/{token}").mimetype) == (200, "image/gif")
    assert hits(desk) == []


def test_target_comes_from_the_database_alone(desk: Desk, smtp: SmtpServer):
    mail = letter(desk, smtp)
    answer = desk.client().get(f"{mail.links[1].upper().replace('/T/C/', '/t/c/')}?url=https://evil.example&utm_x=1")
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://clinic.example/braces")
    sealed = sql("SELECT sealed FROM tracked_links WHERE clinic_id = :c", c=desk.clinic_id)
    assert all(b"clinic.example" not in bytes(row.sealed) for row in sealed)
    sql("UPDATE tracked_links SET sealed = NULL WHERE clinic_id = :c", c=desk.clinic_id)
    assert desk.client().get(mail.links[1]).status_code == 404


def test_target_may_have_letters_of_any_language(desk: Desk, smtp: SmtpServer):
    mail = letter(desk, smtp, body="https://zähne.example/straße?q=für#über")
    answer = desk.client().get(mail.links[0])
    assert answer.headers["Location"] == "https://xn--zhne-loa.example/stra%C3%9Fe?q=f%C3%BCr#%C3%BCber"
    assert ">https://zähne.example/straße?q=für#über</a>" in mail.html


def test_redirect_works_without_recording(desk: Desk, smtp: SmtpServer, postgres: Postgres):
    mail = letter(desk, smtp)
    with postgres.connect("relance") as owner:
        owner.execute("ALTER TABLE tracking_hits ADD CONSTRAINT refuse CHECK (false) NOT VALID")
        owner.commit()
        try:
            answers = [desk.client().get(path).status_code for path in (mail.links[0], mail.images[0])]
        finally:
            owner.execute("ALTER TABLE tracking_hits DROP CONSTRAINT refuse")
    assert (answers, hits(desk)) == ([302, 200], [])


def test_rate_limit_stops_the_recording_and_not_the_redirect(desk: Desk, smtp: SmtpServer):
    mail = letter(desk, smtp)
    for _ in range(HITS_PER_MINUTE):
        count_public_call("tracking", home(1), most=HITS_PER_MINUTE, noun="calls")
    assert come(desk, mail, Visit(0, browser(), home(1))).status_code == 302
    assert come(desk, mail, Visit(0, image(), home(1), link=None)).status_code == 200
    assert hits(desk) == []
    assert come(desk, mail, Visit(0, browser(), home(2))).status_code == 302
    assert len(hits(desk)) == 1


def test_another_attempt_has_the_same_links(desk: Desk, watch: Watch, smtp: SmtpServer):
    write(desk)
    smtp.on("dot", "451 4.3.0 Try later", times=1)
    deliver()
    watch.advance(minutes=5)
    deliver()
    first, second = (Letter(mail.message) for mail in smtp.received)
    assert (first.links, first.images) == (second.links, second.images)
    assert len(first.links) == 2
    assert come(desk, second, Visit(0, browser(), home(1))).status_code == 302


def test_commercial_mail_keeps_its_links_to_unsubscribe(desk: Desk, smtp: SmtpServer):
    lead = desk.capture(email="mia@lead.example")
    for _ in range(3):
        call = {"type": "PHONE_CALL", "outcome": "no_answer"}
        assert desk.admin.post(f"/api/leads/{lead['id']}/activities", call).status == 201
    while runner.run(Kind.SEND_MESSAGE, []):
        pass
    deliver()
    [sent] = smtp.received
    mail = Letter(sent.message)
    assert re.search(r"http://[^/]+/preferences/[0-9a-v]{42}", mail.text)
    assert re.search(r'<a href="http://[^/]+/preferences/[0-9a-v]{42}">', mail.html)
    assert "/unsubscribe/" in sent.message["List-Unsubscribe"]


def test_messages_to_users_are_never_tracked(desk: Desk, smtp: SmtpServer):
    answer = desk.admin.post("/api/users", {"email": "nina@clinic.example", "name": "Nina", "role": "front_desk"})
    assert answer.status == 201
    while runner.run(Kind.DELIVER_ACCOUNT_EMAIL, []):
        pass
    [sent] = smtp.received
    assert Letter(sent.message).types == ["text/plain"]
    assert sql("SELECT 1 FROM tracked_messages WHERE clinic_id = :c", c=desk.clinic_id) == []


def test_hits_of_a_deleted_lead_fire_nothing(desk: Desk, watch: Watch, smtp: SmtpServer):
    mail = letter(desk, smtp)
    sql("UPDATE leads SET deleted_at = now() WHERE clinic_id = :c", c=desk.clinic_id)
    follow(desk, watch, mail, Visit(100, browser(), home(1)))
    assert (counts(desk), events(desk)) == ({"person_clicks": 1}, [])


def test_rule_listens_to_clicks_of_persons(desk: Desk, watch: Watch, smtp: SmtpServer):
    rule = {
        "name": "clicked",
        "on": "message.clicked",
        "do": [{"create_task": {"type": "CALL", "title": "They clicked", "due": {"after": "1 hour"}}}],
    }
    made = desk.admin.post("/api/follow-up-rules", rule)
    assert made.status == 201, made.body
    lead = desk.capture(email="ana@lead.example")
    mail = letter(desk, smtp, lead)
    follow(desk, watch, mail, Visit(100, browser("python-requests/2.32"), home(1)))
    assert desk.steps(lead, name="clicked") == []
    follow(desk, watch, mail, Visit(100, browser(), home(1)))
    assert len(desk.steps(lead, name="clicked")) == 1


def test_person_is_exported_and_erased(desk: Desk, watch: Watch, smtp: SmtpServer):
    lead = desk.capture(email="ana@lead.example")
    mail = letter(desk, smtp, lead)
    follow(desk, watch, mail, Visit(100, browser(), home(1)))
    exported = desk.admin.post(f"/api/leads/{lead['id']}/export").body["tables"]
    assert {link["target"] for link in exported["tracked_links"]} == {
        "https://clinic.example/book?name=Ana",
        "https://clinic.example/braces",
    }
    assert (len(exported["tracking_hits"]), len(exported["tracked_messages"])) == (1, 1)

    assert desk.admin.post(f"/api/leads/{lead['id']}/erase", {"reason": "They asked."}).status == 200
    assert hits(desk) == []
    assert come(desk, mail, Visit(0, browser(), home(1))).status_code == 404
    assert come(desk, mail, Visit(0, image(), home(1), link=None)).status_code == 200


def test_networks_and_hits_are_deleted_and_counts_stay(desk: Desk, watch: Watch, smtp: SmtpServer):
    mail = letter(desk, smtp)
    follow(desk, watch, mail, Visit(100, browser(), home(1)))
    assert hits(desk)[0].network
    watch.advance(minutes=11)
    sweep("settle_tracking_hits")
    assert hits(desk)[0].network is None
    sweep("forget_old_tracking_hits")
    assert len(hits(desk)) == 1
    watch.advance(days=365 * 2)  # ids have the real time
    sweep("forget_old_tracking_hits")
    [kept] = sql("SELECT person_clicks FROM tracked_messages WHERE clinic_id = :c", c=desk.clinic_id)
    assert (hits(desk), kept.person_clicks) == ([], 1)


def test_two_sweeps_at_once_settle_each_hit_once(desk: Desk, watch: Watch, smtp: SmtpServer):
    mail = letter(desk, smtp)
    for number in range(20):
        come(desk, mail, Visit(0, browser("curl/8.5.0"), home(number)))
    threads = [threading.Thread(target=sweep, args=["settle_tracking_hits"]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sweep("settle_tracking_hits")
    assert counts(desk) == {"machine_clicks": 20}


def test_other_clinic_sees_nothing(desk: Desk, other_desk: Desk, smtp: SmtpServer):
    letter(desk, smtp)
    caller: Caller = other_desk.admin
    assert caller.get(f"/api/notifications/{shown(desk)['id']}").status == 404


def test_flood_of_hits_is_settled(desk: Desk, watch: Watch, smtp: SmtpServer):
    mail = letter(desk, smtp)
    watch.advance(minutes=2)
    come(desk, mail, Visit(0, browser(), home(1)))
    copies = "gen_random_uuid(), clinic_id, notification_id, link_id, kind, verdict, reason, signals, network"
    sql(
        "INSERT INTO tracking_hits (id, clinic_id, notification_id, link_id, kind, verdict, reason, signals, network,"
        f" occurred_at, settle_at) SELECT {copies}, occurred_at + n * interval '50 milliseconds', settle_at"
        " FROM tracking_hits, generate_series(1, 600) n WHERE clinic_id = :c",
        c=desk.clinic_id,
    )
    watch.advance(seconds=70)
    assert sweep("settle_tracking_hits") == 601
    assert (counts(desk), events(desk)) == ({"machine_clicks": 601}, [])
