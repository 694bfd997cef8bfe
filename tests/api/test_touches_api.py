"""Touches: the contacts by which a lead came in, with their channels."""

from datetime import timedelta
from typing import Any

import pytest

from app.clock import now
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

UTM = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "spring", "utm_term": "braces", "utm_content": "b"}


def touches(desk: Desk, lead: dict[str, Any]) -> list[dict[str, Any]]:
    return desk.doctor.every(f"/api/leads/{lead['id']}/touches")


def another_source(desk: Desk) -> str:
    return next(source["id"] for source in desk.admin.every("/api/lead-sources") if source["id"] != desk.source_id)


def test_first_touch_is_stored_at_capture(desk: Desk):
    address = {"referrer": "https://ads.example/x", "landing_page": "https://clinic.example/braces"}
    details = {**UTM, **address, "medium": "banner"}
    lead = desk.capture(touch=details, source_campaign="spring", source_detail="poster")
    [touch] = touches(desk, lead)
    assert {name: touch[name] for name in details} == details
    assert (touch["source_id"], touch["campaign"], touch["detail"]) == (desk.source_id, "spring", "poster")
    assert (touch["channel"], touch["created_by"]) == ("MANUAL", desk.admin.id)
    assert touch["occurred_at"] == lead["created_at"]
    for which in ("first", "last"):
        shown = [lead[f"{which}_touch_{name}"] for name in ("id", "at", "source_id")]
        assert shown == [touch["id"], lead["created_at"], desk.source_id]


def test_urls_are_stored_without_personal_data(desk: Desk):
    long = "https://ana:secret@clinic.example/braces?email=ana@people.org#ana"
    [touch] = touches(desk, desk.capture(touch={"landing_page": long, "referrer": long}))
    assert touch["landing_page"] == touch["referrer"] == "https://clinic.example/braces"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "clinic.example", "https://", "https://[::1"])
def test_invalid_url_is_refused(desk: Desk, address: str):
    answer = desk.front_desk.post("/api/leads", desk.lead_data(touch={"referrer": address}))
    assert answer.pointers == ["/touch/referrer"]


def test_repeated_contact_changes_the_last_touch(desk: Desk):
    lead, source = desk.capture(), another_source(desk)
    body = {"source_id": source, "channel": "WALK_IN", "campaign": "open day", **UTM}
    made = desk.front_desk.post(f"/api/leads/{lead['id']}/touches", body)
    assert made.status == 201
    assert {name: made.body[name] for name in body} == body
    after = desk.lead(lead)
    assert (after["first_touch_id"], after["first_touch_source_id"]) == (lead["first_touch_id"], desk.source_id)
    assert (after["last_touch_id"], after["last_touch_source_id"]) == (made.body["id"], source)
    assert after["version"] == lead["version"] + 1
    assert [touch["id"] for touch in touches(desk, lead)] == [lead["first_touch_id"], made.body["id"]]


def test_touch_logged_late_can_become_the_first(desk: Desk):
    lead = desk.capture()
    at = (now() - timedelta(days=3)).isoformat()
    made = desk.front_desk.post(f"/api/leads/{lead['id']}/touches", {"occurred_at": at}).body
    after = desk.lead(lead)
    assert (after["first_touch_id"], after["last_touch_id"]) == (made["id"], lead["last_touch_id"])
    assert after["last_activity_at"] == lead["last_activity_at"]


def test_touch_must_be_in_the_past_and_name_a_source_of_the_clinic(desk: Desk, other_desk: Desk):
    path = f"/api/leads/{desk.capture()['id']}/touches"
    assert desk.admin.post(path, {"occurred_at": (now() + timedelta(hours=1)).isoformat()}).pointers == ["/occurred_at"]
    assert desk.admin.post(path, {"source_id": other_desk.source_id}).pointers == ["/source_id"]


def test_touch_time_allows_the_clock_tolerance_of_the_other_schemas(desk: Desk):
    path = f"/api/leads/{desk.capture()['id']}/touches"
    late, early = (now() + timedelta(minutes=minutes) for minutes in (6, 4))
    assert desk.admin.post(path, {"occurred_at": late.isoformat()}).pointers == ["/occurred_at"]
    assert desk.admin.post(path, {"occurred_at": early.isoformat()}).status == 201


def test_patient_accepts_no_touches(desk: Desk):
    lead = desk.capture()
    desk.admin.post(f"/api/leads/{lead['id']}/convert")
    assert desk.admin.post(f"/api/leads/{lead['id']}/touches", {}).status == 409


def test_api_key_captures_through_the_channel_api(desk: Desk):
    program = desk.program("lead:create", "lead:update")
    lead = program.post("/api/leads", desk.lead_data()).body
    assert lead["capture_channel"] == "API"
    assert program.post(f"/api/leads/{lead['id']}/touches", {}).body["channel"] == "API"


@pytest.mark.parametrize("channel", ["WEB_FORM", "PHONE", "WALK_IN", "MANUAL", "IMPORT", "API"])
def test_channel_is_stored_and_filters_leads(desk: Desk, channel: str):
    other = "PHONE" if channel != "PHONE" else "WALK_IN"
    desk.capture(capture_channel=other)
    lead = desk.capture(capture_channel=channel)
    assert lead["capture_channel"] == channel
    assert [touch["channel"] for touch in touches(desk, lead)] == [channel]
    assert [one["id"] for one in desk.admin.every("/api/leads", channel=channel)] == [lead["id"]]


@pytest.mark.parametrize(
    ("channel", "by"),
    [("REFERRAL_PROVIDER", "referring_provider_id"), ("REFERRAL_PATIENT", "referring_patient_id")],
)
def test_referral_stores_the_referrer(desk: Desk, channel: str, by: str):
    refused = desk.front_desk.post("/api/leads", desk.lead_data(capture_channel=channel))
    assert refused.pointers == [f"/{by}"]
    assert desk.capture(capture_channel=channel, source_detail="Dr. Weber")["source_detail"] == "Dr. Weber"
    assert desk.capture(capture_channel=channel, **{by: desk.source_id})[by] == desk.source_id


def test_lead_from_a_social_network_may_have_only_a_handle(desk: Desk):
    social = {"capture_channel": "SOCIAL", "social_handle": "@ana", "phone": None}
    assert desk.front_desk.post("/api/leads", desk.lead_data(**social)).pointers == ["/social_platform"]
    lead = desk.capture(**social, social_platform="INSTAGRAM")
    assert (lead["social_platform"], lead["social_handle"]) == ("INSTAGRAM", "@ana")
    answer = desk.admin.put(f"/api/leads/{lead['id']}", {"social_handle": None})
    assert answer.pointers == ["/email", "/phone"]


def test_caller_is_captured_with_phone_number_and_source(desk: Desk):
    answer = desk.front_desk.post(
        "/api/leads/quick", {"phone": "212 555 0143", "source_id": desk.source_id, "notes": "Calls back at six."}
    )
    lead = answer.body
    assert answer.status == 201
    assert answer.headers["Location"] == f"/api/leads/{lead['id']}"
    assert (lead["first_name"], lead["last_name"], lead["phone"]) == ("Unknown", "Caller", "+12125550143")
    assert (lead["patient_first_name"], lead["capture_channel"]) == ("Unknown", "PHONE")
    assert [step["name"] for step in desk.steps(lead)] == ["speed-to-lead", "no-contact-24h"]


def test_unknown_callers_are_no_duplicates_of_each_other(desk: Desk):
    calls = [
        desk.front_desk.post("/api/leads/quick", {"phone": phone, "source_id": desk.source_id}).body
        for phone in ("212 555 0143", "212 555 0144", "212 555 0143")
    ]
    assert [[found["lead_id"] for found in call["duplicates"]] for call in calls] == [[], [], [calls[0]["id"]]]
    assert calls[2]["duplicates"][0]["match_on"] == ["phone"]


def test_known_caller_is_reported_or_refused(desk: Desk):
    known = desk.capture()
    call = {"phone": "212 555 0143", "source_id": desk.source_id, "first_name": "Ana", "on_duplicate": "refuse"}
    answer = desk.front_desk.post("/api/leads/quick", call)
    assert answer.status == 409
    assert [found["lead_id"] for found in answer.body["duplicates"]] == [known["id"]]
