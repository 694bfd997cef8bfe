"""The playbook `social_nurture`: the examples of leads-follow-up-feature.md, installed and called over HTTP.

The gateway is a real server on this machine; the runner and the sweep are the workers' own; the clock is moved.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.core.http_client import signing
from app.identity.models import Role
from app.ops.embedded import Postgres
from tests.support.desk import Caller, Desk, the_app
from tests.support.gateway import Gateway
from tests.support.nurturing import run_nurtures
from tests.support.practice import TUESDAY, Practice, Watch, at, sql
from tests.support.servers import connection_past_all_checks

pytest_plugins = ["tests.support.practice", "tests.support.desk"]

PHONE = "+12125550143"
PICTURE, FILM = "https://8.8.8.8/smile.jpg", "https://8.8.8.8/a-minute.mp4"
FIRST_RUN = at("2026-03-11 14:00")  # the lead comes in on Tuesday at 11, and is silent for 24 hours on Wednesday at 11


class Social:
    """A clinic with the playbook and a gateway, both configured over HTTP."""

    def __init__(self, practice: Practice, server: Gateway, watch: Watch) -> None:
        self.practice, self.server, self.watch = practice, server, watch
        self.desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
        admin = self.admin()
        added = admin.post("/api/playbooks/social_nurture/install").body
        assert "social-nurture" in added["nurtures"]
        assert {one["message"] for one in added["warnings"]} == {"The clinic has no active gateway for messages."}
        given = {"name": "instagram", "purpose": "messages", "url": server.url}
        self.gateway = admin.post("/api/gateways", given).body
        for slug, url in (("nurture-picture", PICTURE), ("nurture-film", FILM)):
            self._show(admin, slug, url)

    def admin(self) -> Caller:
        """The admin, signed in anew: a session lasts less than the test."""
        return self.desk.hire(Role.CLINIC_ADMIN)

    def allow(self, per_hour: int) -> None:
        """Set the gateway's calls per hour."""
        path = f"/api/gateways/{self.gateway['id']}"
        assert self.admin().patch(path, {"per_hour": per_hour}).status == 200

    def capture(self, score: int, **more: Any) -> str:
        return str(self.desk.capture(phone=PHONE, score=score, **more)["id"])

    def run_until(self, until: datetime, *, lag: timedelta = timedelta()) -> None:
        """Advance the clock, and run every step at its due time, or `lag` later."""
        while (moment := self._next()) <= until:
            self.watch.set(max(moment + lag, now()))
            run_nurtures()
            while due := [step for step in self.practice.pending() if step.due_at <= now()]:
                for kind in sorted({step.kind for step in due}):
                    self.practice.run(kind, *[step for step in due if step.kind == kind])
        self.watch.set(until)

    def calls_about(self, lead: str) -> list[Any]:
        """Return the calls to the gateway about the lead."""
        return [call.said for call in self.server.calls if call.said["lead_id"] == lead]

    def report_status(self, lead: str, status: str, **more: Any) -> None:
        """Report the delivery status of the lead's last message as the gateway does."""
        event = {"message_id": self.calls_about(lead)[-1]["id"], "status": status, "at": now().isoformat(), **more}
        body = json.dumps({"events": [event]}).encode()
        headers = signing.sign([self.gateway["secret"]], str(uuid4()), body, at=now())
        path = f"/api/gateways/{self.gateway['id']}/events"
        answer = self.desk.client().post(path, data=body, headers=headers, content_type="application/json")
        assert answer.json == {"taken": 1, "ignored": 0}

    def nurture_entry(self, lead: str, **query: Any) -> Any:
        """Return the lead's entry in the nurture's list, or None."""
        admin = self.admin()
        [nurture] = admin.every("/api/nurtures")
        found = admin.every(f"/api/nurtures/{nurture['id']}/leads", **query)
        return next((one for one in found if one["lead_id"] == lead), None)

    def sent(self, lead: str) -> list[datetime]:
        """Return when each message to the lead was sent."""
        return [datetime.fromisoformat(message["sent_at"]) for message in self.nurture_entry(lead)["messages"]]

    def _next(self) -> datetime:
        [hour] = sql("SELECT min(next_run_at) AS at FROM nurtures")
        return min([hour.at, *(step.due_at for step in self.practice.pending())])

    def _show(self, admin: Caller, slug: str, url: str) -> None:
        [template] = [one for one in admin.every("/api/message-templates") if one["slug"] == slug]
        variants = [
            {**one, "media": one["media"] and {**one["media"], "url": url}}
            for one in admin.get(f"/api/message-templates/{template['id']}").body["variants"]
        ]
        texts = [{name: value for name, value in one.items() if name != "name"} for one in variants]
        answer = admin.patch(f"/api/message-templates/{template['id']}", {"variants": texts})
        assert answer.status == 200, answer.body


@pytest.fixture
def social(open_practice: Callable[..., Practice], watch: Watch, configure: Callable[..., None]) -> Iterator[Social]:
    with Gateway() as server:
        configure(outgoing_allow=server.place, outgoing_timeout=5, retry_base_seconds=10)
        yield Social(open_practice(playbook="{name: none, rules: []}"), server, watch)


def test_lead_with_score_40_and_no_reply_for_25_hours_is_contacted_at_the_next_run(social: Social):
    lead = social.capture(40)
    social.run_until(FIRST_RUN - timedelta(seconds=1))
    assert social.calls_about(lead) == []
    social.run_until(FIRST_RUN)
    [message] = social.calls_about(lead)
    assert (message["type"], message["to"]["phone"]) == ("text", PHONE)
    assert message["text"].startswith("Hello Ana, you wrote to us a while ago.")
    [call] = social.server.calls
    assert call.is_signed_with(social.gateway["secret"])


def test_run_without_a_gateway_enrolls_no_leads_and_notifies_admins(social: Social):
    admin = social.admin()
    assert admin.patch(f"/api/gateways/{social.gateway['id']}", {"is_active": False}).status == 200
    [nurture] = admin.every("/api/nurtures")
    shown = admin.get(f"/api/nurtures/{nurture['id']}/preview").body
    assert (shown["is_able"], {one["pointer"] for one in shown["warnings"]} != set()) == (False, True)
    lead = social.capture(40)
    social.run_until(FIRST_RUN)
    [*_, run] = sorted(social.practice.rows("nurture_runs"), key=lambda one: one.scheduled_for)
    assert (run.state, run.reason, run.taken) == ("stopped", "no_gateway", 0)
    assert social.practice.rows("enrollments") == []
    told = Counter(one.user_id for one in social.practice.rows("notifications", template="gateway-missing"))
    assert set(told.values()) == {4}  # of four runs in two days: each admin once a day in the app and by e-mail
    admin = social.admin()
    assert admin.patch(f"/api/gateways/{social.gateway['id']}", {"is_active": True}).status == 200
    social.run_until(FIRST_RUN + timedelta(hours=4))
    assert len(social.calls_about(lead)) == 1


def test_messages_are_sent_daily_at_one_hour_although_steps_run_late(social: Social):
    lead = social.capture(40)
    social.run_until(TUESDAY + timedelta(days=9), lag=timedelta(seconds=40))
    local = [social.practice.actor().clinic.calendar.local(one) for one in social.sent(lead)]
    assert [one.strftime("%a %H") for one in local] == [f"{day} 14" for day in ("Wed", "Thu", "Fri", "Sat", "Sun")]


def test_at_most_five_follow_ups_at_run_hours_with_24_hours_between(social: Social):
    lead = social.capture(40)
    social.run_until(TUESDAY + timedelta(days=9))
    nurture_entry = social.nurture_entry(lead)
    assert [(message["type"], message["media_url"]) for message in social.calls_about(lead)] == [
        ("text", None),
        ("text", None),
        ("image", PICTURE),
        ("video", FILM),
        ("text", None),
    ]
    sent = social.sent(lead)
    local = [social.practice.actor().clinic.calendar.local(one).strftime("%H:%M") for one in sent]
    assert set(local) <= {"09:00", "14:00", "18:00"}
    assert all(later - earlier >= timedelta(hours=24) for earlier, later in pairwise(sent))
    assert (nurture_entry["enrollment_state"], nurture_entry["follow_up_count"]) == ("completed", 5)
    assert len(social.practice.rows("enrollments")) == 1  # nor is it taken again in the days that follow


def test_reply_ends_the_sequence(social: Social):
    lead = social.capture(40)
    social.run_until(FIRST_RUN + timedelta(hours=1))
    social.report_status(lead, "replied", text="Yes, please call me.")
    social.run_until(TUESDAY + timedelta(days=10))
    assert len(social.calls_about(lead)) == 1
    nurture_entry = social.nurture_entry(lead)
    assert (nurture_entry["enrollment_state"], nurture_entry["reason"]) == ("exited", "replied")


def test_automatic_reply_does_not_end_the_sequence(social: Social):
    lead = social.capture(40)
    social.run_until(FIRST_RUN + timedelta(hours=1))
    social.report_status(lead, "replied", text="We are closed.", is_auto_reply=True)
    social.run_until(TUESDAY + timedelta(days=10))
    assert len(social.calls_about(lead)) == 5


@pytest.mark.parametrize("score", [19, 61])
def test_lead_with_a_score_outside_20_to_60_is_skipped(social: Social, score: int):
    lead = social.capture(score)
    social.run_until(TUESDAY + timedelta(days=3))
    assert (social.calls_about(lead), social.nurture_entry(lead)) == ([], None)


def test_score_leaving_the_range_ends_the_sequence(social: Social):
    lead = social.capture(60)
    social.run_until(FIRST_RUN)
    social.admin().put(f"/api/leads/{lead}", {"score": 61})
    social.run_until(TUESDAY + timedelta(days=10))
    assert len(social.calls_about(lead)) == 1
    assert social.nurture_entry(lead)["enrollment_state"] == "completed"


def test_opt_out_ends_the_sequence_at_once(social: Social):
    lead = social.capture(40)
    social.run_until(FIRST_RUN)
    assert social.admin().post(f"/api/leads/{lead}/opt-out", {}).status == 200
    assert [step for step in social.practice.pending() if str(step.lead_id) == lead] == []
    social.run_until(TUESDAY + timedelta(days=10))
    assert len(social.calls_about(lead)) == 1


def test_account_respects_its_hourly_limit(social: Social):
    assert social.gateway["per_hour"] == 200  # the document's; fewer show the same sooner
    social.allow(20)
    leads = [social.capture(40) for _ in range(23)]
    social.run_until(FIRST_RUN + timedelta(minutes=59))
    assert len(social.server.calls) == 20
    social.run_until(FIRST_RUN + timedelta(hours=3))
    assert sorted(call.said["lead_id"] for call in social.server.calls) == sorted(leads)


def test_media_url_in_a_private_network_is_refused(social: Social, postgres: Postgres):
    admin = social.admin()
    social._show(admin, "nurture-picture", "https://8.8.8.8/smile.jpg")
    # Such an address is refused when it is saved; templates of older versions may have one.
    private = "replace(variants::text, '8.8.8.8/smile', '127.0.0.1/smile')::jsonb"
    owner = connection_past_all_checks(postgres)
    owner.execute(f"UPDATE message_template_versions SET variants = {private}")  # type: ignore[arg-type]
    lead = social.capture(40)
    social.run_until(TUESDAY + timedelta(days=10))
    assert [message["type"] for message in social.calls_about(lead)] == ["text", "text", "video", "text"]
    assert [message["state"] for message in social.nurture_entry(lead)["messages"]].count("failed") == 1


def test_lead_has_the_label_while_enrolled(social: Social):
    lead, other = social.capture(40), social.capture(90)
    social.run_until(FIRST_RUN)
    listed = social.admin().every("/api/leads", tag="follow-up")
    assert [(one["id"], one["tags"]) for one in listed] == [(lead, ["follow-up"])]
    social.report_status(lead, "replied")
    assert social.admin().every("/api/leads", tag="follow-up") == []
    assert other not in {one["lead_id"] for one in [social.nurture_entry(lead)]}


def test_messages_are_tracked_from_pending_to_converted(social: Social):
    lead = social.capture(40)
    social.server.answer(503, {"Retry-After": "600"})
    social.run_until(FIRST_RUN)
    assert (social.nurture_entry(lead)["state"], social.nurture_entry(lead)["follow_up_count"]) == ("pending", 0)
    social.server.answer(200)
    social.run_until(FIRST_RUN + timedelta(hours=1))
    sent = social.nurture_entry(lead)
    assert (sent["state"], sent["follow_up_count"]) == ("sent", 1)
    assert sent["next_follow_up_at"] == at("2026-03-12 14:00").isoformat().replace("+00:00", "Z")
    social.report_status(lead, "delivered")
    assert social.nurture_entry(lead, state="delivered")["messages"][0]["delivered_at"] is not None
    assert social.nurture_entry(lead, state="sent") is None
    social.admin().post(f"/api/leads/{lead}/convert", {})
    converted = social.nurture_entry(lead, state="converted")
    assert [message["state"] for message in converted["messages"]] == ["converted"]
    assert (converted["enrollment_state"], converted["reason"]) == ("exited", "converted")


def test_dashboard_shows_the_results(social: Social):
    answered, converted, silent = (social.capture(40) for _ in range(3))
    social.run_until(FIRST_RUN + timedelta(hours=1))
    social.report_status(answered, "replied", text="Yes.")
    social.report_status(converted, "delivered")
    social.admin().post(f"/api/leads/{converted}/convert", {})
    said = social.admin().get("/api/nurtures/dashboard").body
    assert (said["sent_today"], said["sent"], said["delivered"], said["leads"]) == (3, 3, 1, 3)
    assert (said["response_rate"], said["conversion_rate"]) == (0.3333, 0.3333)
    assert said["time_to_conversion"] == {"leads": 1, "median_seconds": 3600, "mean_seconds": 3600}
    [sequence] = said["sequences"]
    steps = {one["step"]: (one["sent"], one["standing"]) for one in sequence["steps"]}
    assert (sequence["sequence"], sequence["conversion_rate"]) == ("social-nurture", 0.3333)
    assert steps == {"first": (3, 0), "second": (0, 1), "third": (0, 0), "fourth": (0, 0), "fifth": (0, 0)}
    [message] = said["messages"]
    assert (message["template"], message["version_number"], message["response_rate"]) == ("nurture-hello", 1, 0.3333)
    assert [(hour["hour"], hour["sent"]) for hour in said["hours"]] == [(14, 3)]
    social.watch.set(at("2026-03-12 00:00"))
    assert social.admin().get("/api/nurtures/dashboard").body["sent_today"] == 0
    assert social.nurture_entry(silent)["state"] == "sent"
