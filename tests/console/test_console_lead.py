"""The page of a lead in a browser: planned steps, duplicates and merge, consents, history, edit of all fields."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from app.clock import now
from app.core.db import transaction
from app.messaging.models import Notification
from tests.support.accessibility import faults
from tests.support.browser import Browsing
from tests.support.desk import Desk
from tests.support.inbound import mail, receive


def dialog(page: Page):
    return page.get_by_role("dialog")


def open_tab(browsing: Browsing, desk: Desk, lead: dict[str, Any], name: str) -> Page:
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    page.get_by_role("tab", name=name).click()
    return page


def state_of(desk: Desk, lead: dict[str, Any], step_id: str) -> tuple[str, str | None]:
    [step] = [one for one in desk.steps(lead) if one["id"] == step_id]
    return step["state"], step["reason"]


def last_planned(desk: Desk, lead: dict[str, Any]) -> dict[str, Any]:
    return [one for one in desk.steps(lead) if one["state"] == "planned"][-1]


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_planned_step_is_cancelled(browsing: Browsing, desk: Desk, by: str):
    lead = desk.capture()
    step = last_planned(desk, lead)
    page = open_tab(browsing, desk, lead, "Automation")
    menu = page.get_by_role("button", name=f"Change the step {step['name']}").last
    if by == "mouse":
        menu.click()
        page.get_by_role("menuitem", name="Cancel this step").click()
    else:
        menu.focus()
        for key in ("Enter", "End", "Enter"):
            page.keyboard.press(key)
    expect(page.get_by_text("The step is cancelled.")).to_be_visible()
    assert state_of(desk, lead, step["id"]) == ("cancelled", "by_hand")


def test_reply_that_a_program_wrote_is_taken_back(browsing: Browsing, desk: Desk):
    lead = desk.capture(email="mia@lead.example")
    assert receive(desk.clinic_id, mail("I will read your message on Monday.")).classification == "reply"
    page = open_tab(browsing, desk, lead, "Messages")
    page.get_by_role("button", name="It is automatic").click()
    expect(page.get_by_text("Messages go on where they stood.")).to_be_visible()
    expect(page.get_by_role("button", name="The lead wrote it")).to_be_visible()
    assert desk.lead(lead)["replied_at"] is None
    assert faults(page) == []


def test_message_that_did_not_arrive_is_named_above_the_timeline(browsing: Browsing, desk: Desk):
    lead = desk.capture(email="mia@lead.example")
    refused = {"channel": "email", "template": "answer", "subject": "Hello", "body": "Hello Mia", "state": "failed"}
    with transaction() as session:
        session.add(
            Notification(
                id=uuid4(),
                clinic_id=desk.clinic_id,
                lead_id=lead["id"],
                created_at=now(),
                error="550 No such user here",
                **refused,
            )
        )
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    expect(page.get_by_text("The last message did not arrive: 550 No such user here")).to_be_visible()
    page.get_by_role("button", name="Show the messages").click()
    expect(page.get_by_role("tab", name="Messages")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("Hello Mia")).to_be_visible()


def test_planned_step_runs_now(browsing: Browsing, desk: Desk):
    desk.admin.post(
        "/api/follow-up-rules",
        {
            "name": "later",
            "on": "lead.created",
            "after": "9 days",
            "do": [{"create_task": {"type": "CALL", "title": "Now"}}],
        },
    )
    lead = desk.capture()
    page = open_tab(browsing, desk, lead, "Automation")
    page.get_by_role("button", name="Change the step later").click()
    page.get_by_role("menuitem", name="Run now").click()
    expect(page.get_by_text("The step runs now.")).to_be_visible()
    page.get_by_role("tab", name="Tasks").click()
    expect(page.get_by_text("Now", exact=True)).to_be_visible()  # a worker has run it; the page heard of it


def test_planned_step_is_snoozed_to_a_time_in_the_zone_of_the_clinic(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    step = last_planned(desk, lead)
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}", timezone_id="Asia/Tokyo")
    page.get_by_role("tab", name="Automation").click()
    page.get_by_role("button", name=f"Change the step {step['name']}").last.click()
    page.get_by_role("menuitem", name="Snooze").click()
    expect(dialog(page)).to_contain_text("Times in America/New York")
    dialog(page).get_by_label("Until").fill("2030-07-01T09:30")
    dialog(page).get_by_role("button", name="Snooze").click()
    expect(page.get_by_text("The step is planned for 1 Jul 2030")).to_be_visible()
    [moved] = [one for one in desk.steps(lead) if one["id"] == step["id"]]
    assert moved["due_at"] == "2030-07-01T13:30:00Z"  # 9:30 in New York in summer
    expect(page.get_by_text("Moved by").first).to_be_visible()


def test_refusal_of_a_step_that_has_run_is_shown_in_the_words_of_the_api(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    step = last_planned(desk, lead)
    page = open_tab(browsing, desk, lead, "Automation")

    def run_first(route: Route) -> None:
        desk.sql("UPDATE steps SET state = 'done', finished_at = now() WHERE id = :id", id=step["id"])
        route.continue_()

    page.route("**/run-now", run_first)
    page.get_by_role("button", name=f"Change the step {step['name']}").last.click()
    page.get_by_role("menuitem", name="Run now").click()
    expect(page.locator(".toast.bad")).to_contain_text("It is done. Only a planned step can be cancelled")


def test_duplicates_are_compared_and_merged(browsing: Browsing, desk: Desk):
    stays = desk.capture(email="ana@lead.example")
    goes = desk.capture(first_name="Anna", notes="Prefers mornings")
    page = browsing.sign_in(desk.coordinator, f"/leads/{stays['id']}")
    section = page.get_by_role("region", name="Possible duplicates")
    expect(section).to_contain_text("same phone number")
    section.get_by_role("button", name="Compare and merge…").click()
    expect(dialog(page).get_by_role("row", name="Notes")).to_contain_text("Prefers mornings")
    dialog(page).get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_text("The leads are merged.")).to_be_visible()
    expect(page.get_by_role("region", name="Possible duplicates")).to_have_count(0)
    assert desk.admin.get(f"/api/leads/{goes['id']}").status == 410
    assert desk.lead(stays)["notes"] == "Prefers mornings"


def test_consent_is_recorded_and_opt_out_is_one_click(browsing: Browsing, desk: Desk):
    lead = desk.capture(email="ana@lead.example")
    page = open_tab(browsing, desk, lead, "Consents")
    expect(page.get_by_text("No consent is recorded.")).to_be_visible()
    page.get_by_role("button", name="Record a consent").click()
    dialog(page).get_by_label("Wording that they agreed to").fill("You may write to me.")
    dialog(page).get_by_label("Where it was given").fill("Paper")
    dialog(page).get_by_role("button", name="Record a consent").click()
    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_text("You may write to me.")).to_be_visible()
    page.get_by_role("button", name="Opt out of all messages").click()
    expect(page.get_by_text("Opted out of all messages")).to_be_visible()
    assert desk.lead(lead)["opted_out_at"] is not None


def test_history_has_stages_with_their_time_and_assignments(browsing: Browsing, desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"})
    desk.sql("UPDATE leads SET created_at = created_at - interval '3 days' WHERE id = :id", id=lead["id"])
    page = open_tab(browsing, desk, lead, "History")
    expect(page.get_by_role("row", name="Contacted")).to_contain_text("now")
    expect(page.get_by_text("to treatment_coordinator")).to_be_visible()


def test_all_fields_are_edited_with_tags_and_custom_fields(browsing: Browsing, desk: Desk):
    made = desk.admin.post("/api/custom-fields", {"key": "school", "label": "School", "type": "text"})
    other = desk.admin.post("/api/custom-fields", {"key": "braces", "label": "Has braces", "type": "boolean"})
    assert (made.status, other.status) == (201, 201)
    lead = desk.capture(custom={"school": "North"})
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Edit").click()
    dialog(page).get_by_label("Tags, separated by commas").fill("vip, twins")
    dialog(page).get_by_label("Has braces").select_option("Yes")
    dialog(page).get_by_label("Preferred contact").select_option("E-mail")
    dialog(page).get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    changed = desk.lead(lead)
    assert (changed["tags"], changed["preferred_contact"]) == (["vip", "twins"], "EMAIL")
    assert changed["custom"] == {"school": "North", "braces": True}


def test_lead_is_enrolled_in_a_sequence(browsing: Browsing, desk: Desk):
    steps = [{"name": name, "after": "1 day", "wait": {}} for name in ("one", "two")]
    assert desk.admin.post("/api/sequences", {"name": "welcome", "steps": steps, "is_active": True}).status == 201
    lead = desk.capture()
    page = browsing.sign_in(desk.admin, f"/leads/{lead['id']}")
    page.get_by_role("tab", name="Automation").click()
    page.get_by_role("button", name="Enroll in a sequence…").click()
    dialog(page).get_by_role("button", name="Enroll").click()
    expect(page.get_by_text("Enrolled in welcome.")).to_be_visible()
    expect(page.get_by_role("button", name="More actions: welcome")).to_be_visible()


def test_time_of_a_new_task_is_in_the_zone_of_the_clinic(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}", timezone_id="Asia/Tokyo")
    page.get_by_role("button", name="New task").click()
    dialog(page).get_by_label("Title").fill("Ask for X-rays")
    dialog(page).get_by_label("Due").fill("2030-01-31T09:00")
    dialog(page).get_by_role("button", name="Create").click()
    expect(dialog(page)).to_have_count(0)
    [task] = [one for one in desk.admin.every(f"/api/leads/{lead['id']}/tasks") if one["title"] == "Ask for X-rays"]
    assert task["due_at"] == "2030-01-31T14:00:00Z"


def test_new_task_for_an_absent_user_is_created_with_a_warning(browsing: Browsing, desk: Desk):
    ends = (now() + timedelta(days=9)).isoformat()
    away = {"starts_at": (now() - timedelta(days=1)).isoformat(), "ends_at": ends, "tasks": "leave"}
    lead = desk.capture(assigned_to_id=desk.admin.id)
    assert desk.admin.post(f"/api/users/{desk.admin.id}/out-of-office", away).status == 201
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    page.get_by_role("button", name="New task").click()
    dialog(page).get_by_label("Title").fill("Call")
    dialog(page).get_by_role("button", name="Create").click()
    expect(page.get_by_text(f"{desk.admin.actor.name} is away until")).to_be_visible()
    expect(page.get_by_text("The task is planned.")).to_be_visible()


def test_task_is_created_from_an_entry_of_the_timeline_and_gets_a_note(browsing: Browsing, desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    note = {"type": "NOTE", "notes": "Wants the plan by mail"}
    entry = desk.coordinator.post(f"/api/leads/{lead['id']}/activities", note).body
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    line = page.get_by_role("listitem").filter(has_text="Wants the plan by mail")
    line.get_by_role("button", name="Create a task from this entry").click()
    dialog(page).get_by_label("Title").fill("Send the plan")
    dialog(page).get_by_role("button", name="Create").click()
    expect(line.get_by_role("list", name="Tasks from this entry")).to_contain_text("Send the plan")
    [task] = [one for one in desk.coordinator.every(f"/api/leads/{lead['id']}/tasks") if one["related_activity_id"]]
    assert (task["title"], task["related_activity_id"]) == ("Send the plan", entry["id"])

    page.get_by_role("tab", name="Tasks").click()
    page.get_by_role("listitem").filter(has_text="Send the plan").get_by_role("button", name="Add a note").click()
    dialog(page).get_by_label("Notes").fill("They moved house")
    dialog(page).get_by_role("button", name="Save").click()
    expect(page.get_by_text("The note is on the timeline.")).to_be_visible()
    page.get_by_role("tab", name="Timeline").click()
    expect(page.get_by_text("They moved house")).to_be_visible()


# --- tasks and questions ---


def test_tasks_fit_a_phone_and_say_why_they_were_cancelled(browsing: Browsing, desk: Desk):
    lead = desk.capture(first_name="Maximiliane-Alexandra", last_name="von Hohenstein-Wallersbach")
    desk.plan(lead, title="Call about the braces of the younger child")
    gone = desk.plan(lead, title="Send the offer")
    desk.admin.post(f"/api/followups/{gone['id']}/cancel", {"reason": "Created twice"})
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}?tab=tasks", viewport={"width": 375, "height": 812})
    expect(page.get_by_role("listitem").filter(has_text="Send the offer")).to_contain_text("· Created twice")
    for button in page.get_by_role("tabpanel").get_by_role("button", name="Add a note").all():
        box = button.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 375
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    browsing.open(page, "/leads")
    stage = page.get_by_role("row", name="Maximiliane-Alexandra").get_by_text("New Lead").bounding_box()
    assert stage is not None
    assert stage["x"] + stage["width"] <= 375


@pytest.mark.parametrize(
    ("question", "words"),
    [("author", ", the setting of your clinic decides."), ("opt_out", ", the lead gets no more messages.")],
)
def test_question_names_the_outcome_without_a_decision(browsing: Browsing, desk: Desk, question: str, words: str):
    lead = desk.capture(email="mia@lead.example")
    receive(desk.clinic_id, mail("I am away.", sender=lead["email"]))
    until = now() + timedelta(days=10)
    values = {"question": question, "until": until, "id": lead["id"]}
    desk.sql("UPDATE inbound_emails SET question = :question, decide_by = :until WHERE lead_id = :id", **values)
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}?tab=messages")
    asked = page.get_by_role("tabpanel").get_by_role("group")
    expect(asked).to_contain_text("Automatic messages to the lead wait. Without a decision by")
    expect(asked).to_contain_text(re.compile(rf"by \d+ [A-Z][a-z]+\s*{re.escape(words)}"))


# --- legal hold ---


def test_lead_is_placed_on_hold_and_the_hold_is_ended(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    page = browsing.sign_in(desk.admin, f"/leads/{lead['id']}")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Place on legal hold").click()
    expect(dialog(page)).to_contain_text("this person cannot be erased")
    dialog(page).get_by_label("Reason").fill("Claim 114\n<b>Keep</b> everything")
    dialog(page).get_by_role("button", name="Place on hold").click()
    expect(page.get_by_text("The lead is on legal hold.")).to_be_visible()
    held = page.get_by_role("region", name="On legal hold")
    expect(held).to_contain_text("<b>Keep</b> everything")
    assert desk.lead(lead)["legal_hold"]["reason"] == "Claim 114\n<b>Keep</b> everything"
    assert faults(page) == []
    held.get_by_role("button", name="Change the reason").click()
    dialog(page).get_by_label("Reason").fill("Claim 115")
    dialog(page).get_by_role("button", name="Save").click()
    expect(held).to_contain_text("Claim 115")
    held.get_by_role("button", name="End the hold").click()
    dialog(page).get_by_role("button", name="End the hold").click()
    expect(page.get_by_text("The legal hold has ended.")).to_be_visible()
    expect(held).to_have_count(0)
    assert desk.lead(lead)["legal_hold"] is None


def test_user_without_the_permission_sees_the_hold_and_cannot_end_it(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    desk.admin.put(f"/api/leads/{lead['id']}/legal-hold", {"reason": "Claim 114"})
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    expect(page.get_by_role("region", name="On legal hold")).to_contain_text("Claim 114")
    expect(page.get_by_role("button", name="End the hold")).to_have_count(0)
    page.get_by_role("button", name="More actions").click()
    expect(page.get_by_role("menuitem", name="Edit")).to_be_visible()
    expect(page.get_by_role("menuitem", name="legal hold")).to_have_count(0)
