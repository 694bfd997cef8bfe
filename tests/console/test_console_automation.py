"""Rules, sequences, nurtures and playbooks in a browser: read, edit, try, publish, and what became of it."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from app.identity.models import Role
from tests.support.accessibility import faults
from tests.support.browser import Browsing
from tests.support.desk import Desk
from tests.support.hands import Hands

EVIL = "<img src=x onerror=window.hacked=1>"
RULE = {"name": "call-first", "on": "lead.created", "do": [{"create_task": {"type": "CALL", "title": "Call back"}}]}
STEPS = [{"name": name, "after": "1 day", "wait": {}} for name in ("one", "two")]
SEQUENCE = {"name": "welcome", "steps": STEPS, "is_active": True}
TABS = ("read", "edit", "test", "simulate", "leads", "versions")
NURTURE = {"name": "silent", "sequence": "welcome", "score_from": 2, "score_to": 6, "silent_for": "24 hours"}


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def made(desk: Desk, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = desk.admin.post(path, body)
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.body
    return found


def rule(desk: Desk, **more: Any) -> dict[str, Any]:
    return made(desk, "/api/follow-up-rules", RULE | more)


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Text")


def test_rule_is_found_and_read_in_words_and_as_a_picture(browsing: Browsing, desk: Desk):
    rule(desk, after="2 days")
    page = browsing.sign_in(desk.caller(Role.MARKETING_MANAGER), "/automation")
    page.get_by_label("Find by name").fill("call-f")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="call-first").click()
    outline = page.get_by_role("tabpanel").get_by_role("listitem")
    expect(outline.nth(0)).to_have_text("When a lead is created")
    expect(outline.nth(1)).to_have_text("2 days later")
    expect(page.get_by_role("group", name="As a picture").locator(".picture-node")).to_have_count(3)
    expect(page.get_by_role("button", name="Turn off")).to_have_count(0)  # this role only reads


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_rule_is_written_published_and_explained_for_a_lead(browsing: Browsing, desk: Desk, by: str):
    page = browsing.sign_in(desk.admin, "/automation")
    hands = Hands(page, by)
    hands.press(page.get_by_role("link", name="New rule"))
    expect(field(page)).to_have_value(re.compile("name: new-rule"))
    if by == "mouse":
        field(page).fill(field(page).input_value().replace("after: 1 hour\n", ""))
    expect(page.get_by_text("No mistakes.")).to_be_visible()
    hands.press(page.get_by_role("button", name="Save as draft"))
    expect(page.get_by_text("The draft is saved.")).to_be_visible()
    expect(page.get_by_role("heading", name="new-rule", level=1)).to_be_visible()
    hands.press(page.get_by_role("button", name="Publish the draft"))
    expect(dialog(page).get_by_role("region", name="What would it do?")).to_contain_text("of 0")
    hands.press(dialog(page).get_by_role("button", name="Publish", exact=True))
    expect(page.get_by_role("tab", name="Leads")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("It has planned nothing yet.")).to_be_visible()
    desk.capture(first_name="Mia")
    expect(page.get_by_role("link", name="Why? Mia Ruiz")).to_be_visible()  # the second click after "publish"
    hands.press(page.get_by_role("link", name="Why? Mia Ruiz"))
    expect(page.get_by_role("tab", name="Why")).to_have_attribute("aria-selected", "true")
    expect(page.locator("[data-chosen]", has_text="new-rule").first).to_be_visible()


def test_mistakes_are_shown_at_their_lines_and_nothing_is_saved(browsing: Browsing, desk: Desk):
    one = rule(desk)
    page = browsing.sign_in(desk.admin, f"/automation/rules/{one['id']}?tab=edit")
    field(page).fill("name: call-first\non: lead.createdd\ndo:\n- create_task: {type: KALL, title: Call}\n")
    expect(page.get_by_text("2 mistakes")).to_be_visible()
    expect(page.get_by_text("did you mean 'lead.created'")).to_be_visible()
    page.get_by_role("button", name="Save and publish").click()
    expect(page.get_by_role("alert")).to_contain_text("2 mistakes")
    page.get_by_role("button", name="Line 4").click()
    expect(field(page)).to_be_focused()
    chosen = field(page).evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert chosen == "- create_task: {type: KALL, title: Call}"
    assert desk.admin.get(f"/api/follow-up-rules/{one['id']}").body["version"] == one["version"]


def test_suggestions_that_were_asked_early_appear_when_they_have_loaded(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/automation")
    vocabulary = re.compile("/api/definitions/vocabulary")
    page.route(vocabulary, lambda route: None)
    browsing.open(page, "/automation/rules/new")
    field(page).fill("name: x\n")
    field(page).press("End")
    page.keyboard.press("Control+Space")
    options = page.get_by_role("listbox", name="What can stand here").get_by_role("option")
    expect(options).to_have_count(0)
    page.unroute(vocabulary)  # the held request goes on
    expect(options.first).to_contain_text("on")


def test_suggestions_complete_keys_events_and_fields_by_keyboard(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/automation/rules/new")
    field(page).fill("name: x\n")
    options = page.get_by_role("listbox", name="What can stand here").get_by_role("option")

    def type_and_take(words: str, suggestion: str) -> None:
        page.keyboard.type(words)
        expect(options.first).to_contain_text(suggestion)
        page.keyboard.press("Enter")
        expect(options).to_have_count(0)

    field(page).press("End")
    page.keyboard.press("Control+Space")
    expect(options.first).to_contain_text("on")  # what is required comes first
    page.keyboard.press("Escape")
    type_and_take("o", "on")
    type_and_take("lead.crea", "lead.created")
    page.keyboard.type("\nwhen:\n- ")
    type_and_take("fi", "field")
    type_and_take("lead.stat", "lead.status")
    page.keyboard.type("\n  equals: ")
    type_and_take("N", "NEW")
    page.keyboard.type("\ndo:\n- create_task:\n    ")
    type_and_take("ty", "type")
    type_and_take("CA", "CALL")
    page.keyboard.type("\n    title: Call them\n")
    expect(page.get_by_text("No mistakes.")).to_be_visible()
    written = "on: lead.created\nwhen:\n- field: lead.status\n  equals: NEW\ndo:\n- create_task:\n    type: CALL\n"
    expect(field(page)).to_have_value(f"name: x\n{written}    title: Call them\n")


def test_text_of_two_tabs_is_compared_and_not_lost(browsing: Browsing, desk: Desk):
    one = rule(desk)
    page = browsing.sign_in(desk.admin, f"/automation/rules/{one['id']}?tab=edit")
    expect(field(page)).to_have_value(re.compile("Call back"))
    other = [{"create_task": {"type": "CALL", "title": "Theirs"}}]
    path = f"/api/follow-up-rules/{one['id']}"
    assert desk.admin.patch(path, {"do": other, "is_draft": True}).status == 200
    field(page).fill(field(page).input_value().replace("Call back", "Mine"))
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("alert")).to_contain_text("title: Theirs")
    expect(field(page)).to_have_value(re.compile("title: Mine"))
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_text("The draft is saved.")).to_be_visible()
    assert desk.admin.get(path).body["draft"]["do"][0]["create_task"]["title"] == "Mine"


def test_text_that_is_not_saved_stays_when_other_pages_are_opened(browsing: Browsing, desk: Desk):
    one = rule(desk)
    page = browsing.sign_in(desk.admin, f"/automation/rules/{one['id']}?tab=edit")
    field(page).fill(field(page).input_value() + "priority: 3\n")
    open_tab(page, "Versions")
    open_tab(page, "Edit")
    expect(field(page)).to_have_value(re.compile("priority: 3"))
    page.get_by_role("button", name="Turn off").click()  # its state is no part of the text
    expect(page.get_by_text("Turned off.")).to_be_visible()
    page.get_by_role("link", name="Leads", exact=True).click()
    expect(page.get_by_role("heading", name="Leads", level=1)).to_be_visible()
    page.go_back()
    open_tab(page, "Edit")
    expect(page.get_by_text("This text is not saved yet.")).to_be_visible()
    expect(field(page)).to_have_value(re.compile("priority: 3"))
    page.get_by_role("button", name="Discard it").click()
    expect(field(page)).to_have_value(re.compile("Call back"))
    expect(field(page)).not_to_have_value(re.compile("priority: 3"))


def test_rule_is_tried_with_a_lead_and_with_past_events(browsing: Browsing, desk: Desk):
    desk.capture(first_name="Mia")
    one = rule(desk, unless=[{"field": "lead.contacted_at", "exists": True}], after="2 days")
    page = browsing.sign_in(desk.admin, f"/automation/rules/{one['id']}?tab=test")
    page.get_by_role("combobox", name="Lead").fill("Mia")
    page.get_by_role("option", name="Mia Ruiz").click()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("It would act:")).to_be_visible()
    expect(page.get_by_role("combobox", name="Lead")).to_have_value("Mia Ruiz")
    expect(page.get_by_text("unless by then lead.contacted_at exists true")).to_be_visible()
    page.get_by_role("button", name="The last 30 days").click()
    expect(page.get_by_role("region", name="What would it do?")).to_contain_text("of 1")
    assert desk.sql("SELECT id FROM steps WHERE name = 'call-first'") == []


def test_simulation_shows_that_a_reply_stops_a_rule(browsing: Browsing, desk: Desk):
    one = rule(desk, after="4 days", stop_on="lead.replied")
    page = browsing.sign_in(desk.admin, f"/automation/rules/{one['id']}?tab=simulate")
    line = page.get_by_role("region", name="What happens")
    expect(line.get_by_role("listitem").nth(1)).to_contain_text("Done")
    page.get_by_role("slider").press("End")
    expect(page.get_by_text("Days: 60")).to_be_visible()
    page.get_by_label("On day").select_option("2")
    page.get_by_label("happens", exact=True).select_option("Lead replied")
    page.get_by_role("button", name="Add").click()
    expect(line.get_by_text("Cancelled")).to_be_visible()
    expect(line.get_by_text("Replied", exact=True)).to_be_visible()
    page.get_by_role("button", name="Remove lead.replied").click()
    expect(line.get_by_text("Done")).to_be_visible()


def test_versions_are_compared_and_rolled_back(browsing: Browsing, desk: Desk):
    one = rule(desk)
    path = f"/api/follow-up-rules/{one['id']}"
    assert desk.admin.patch(path, {"after": "3 days", "is_draft": False}).status == 200
    page = browsing.sign_in(desk.admin, f"/automation/rules/{one['id']}?tab=versions")
    page.get_by_role("button", name="Compare with the one before").click()
    expect(page.get_by_role("insertion")).to_contain_text("3 days")
    page.get_by_role("button", name="Roll back to it").click()
    expect(page.get_by_text("Version 1 is published again.")).to_be_visible()
    assert "after" not in desk.admin.get(path).body["definition"]


def test_rollback_does_not_undo_a_change_of_another_tab(browsing: Browsing, desk: Desk):
    one = rule(desk)
    path = f"/api/follow-up-rules/{one['id']}"
    assert desk.admin.patch(path, {"after": "3 days", "is_draft": False}).status == 200
    page = browsing.sign_in(desk.admin, f"/automation/rules/{one['id']}?tab=versions")
    expect(page.get_by_role("button", name="Roll back to it")).to_have_count(1)
    assert desk.admin.patch(path, {"after": "9 days", "is_draft": False}).status == 200
    page.get_by_role("button", name="Roll back to it").click()
    expect(page.locator(".toast.bad")).to_be_visible()
    expect(page.get_by_text("is published again")).to_have_count(0)
    assert desk.admin.get(path).body["definition"]["after"] == "9 days"


def test_coordinator_neither_sees_nor_opens_automation(browsing: Browsing, desk: Desk):
    one = rule(desk)
    page = browsing.sign_in(desk.coordinator)
    expect(page.get_by_role("link", name="Leads", exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name="Automation")).to_have_count(0)
    for address in ("/automation", f"/automation/rules/{one['id']}?tab=edit"):
        page.goto(address)
        expect(page.get_by_role("heading", name="Your role does not include this page.")).to_be_visible()
        expect(page.get_by_text("call-first")).to_have_count(0)
    assert desk.coordinator.get(f"/api/follow-up-rules/{one['id']}").status == 403


def test_draft_of_another_tab_is_not_published_unseen(browsing: Browsing, desk: Desk):
    one = rule(desk, is_draft=True)
    path = f"/api/follow-up-rules/{one['id']}"
    page = browsing.sign_in(desk.admin, f"/automation/rules/{one['id']}")
    page.get_by_role("button", name="Publish the draft").click()
    expect(dialog(page).get_by_role("region", name="What would it do?")).to_contain_text("of 0")
    assert desk.admin.patch(path, {"after": "9 days", "is_draft": True}).status == 200
    dialog(page).get_by_role("button", name="Publish", exact=True).click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("Nothing is published.")
    expect(dialog(page).get_by_role("button", name="Publish", exact=True)).to_be_disabled()
    dialog(page).get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("9 days later")
    broken = [{"send_message": {"template": "gone", "to": "lead"}}]
    desk.sql(
        "UPDATE rule_versions SET definition = jsonb_set(definition, '{do}', CAST(:do AS jsonb))", do=json.dumps(broken)
    )
    page.get_by_role("button", name="Publish the draft").click()
    expect(dialog(page).get_by_role("region", name="What would it do?")).to_be_visible()
    dialog(page).get_by_role("button", name="Publish", exact=True).click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("gone")  # refused, in the words of the API
    assert desk.admin.get(path).body["definition"] is None


def test_palette_finds_a_rule_and_a_playbook_by_keyboard(browsing: Browsing, desk: Desk):
    rule(desk)
    page = browsing.sign_in(desk.caller(Role.MARKETING_MANAGER))
    page.keyboard.press("Control+k")
    expect(page.get_by_role("menuitem").first).to_be_visible()
    page.keyboard.type("call-f")
    expect(page.get_by_role("menuitem", name="call-first")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="call-first", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Delete…")).to_have_count(0)  # this role only reads
    page.keyboard.press("Control+k")
    expect(page.get_by_role("menuitem").first).to_be_visible()
    page.keyboard.type("moving sal")
    expect(page.get_by_role("menuitem", name="Moving sales")).to_be_visible()


def test_rule_is_turned_off_and_deleted(browsing: Browsing, desk: Desk):
    one = rule(desk)
    page = browsing.sign_in(desk.admin, f"/automation/rules/{one['id']}")
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("Turned off.")).to_be_visible()
    expect(page.get_by_role("button", name="Turn on")).to_be_visible()
    page.get_by_role("button", name="Delete…").click()
    dialog(page).get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleted.")).to_be_visible()
    expect(page.get_by_role("heading", name="Automation", level=1)).to_be_visible()
    assert desk.admin.get(f"/api/follow-up-rules/{one['id']}").status == 404


def test_sequence_has_results_and_nurture_runs_after_its_count(browsing: Browsing, desk: Desk):
    sequence = made(desk, "/api/sequences", SEQUENCE)
    nurture = made(desk, "/api/nurtures", NURTURE)
    lead = desk.capture(first_name="Mia")
    desk.sql(
        "UPDATE leads SET score = 4, last_activity_at = now() - interval '3 days',"
        " created_at = now() - interval '3 days' WHERE id = :id",
        id=lead["id"],
    )
    page = browsing.sign_in(desk.admin, f"/automation/sequences/{sequence['id']}?tab=results")
    expect(page.get_by_role("row", name=re.compile("^one"))).to_be_visible()
    browsing.open(page, f"/automation/nurtures/{nurture['id']}?tab=runs")
    page.get_by_role("button", name="Run now…").click()
    expect(dialog(page).get_by_text(re.compile("would be enrolled"))).to_be_visible()
    dialog(page).get_by_role("button", name="Start the run").click()
    expect(page.get_by_text("The run has started.")).to_be_visible()


def test_playbook_is_added_after_its_preview(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/automation?kind=playbooks")
    page.get_by_role("link", name="Moving sales").click()
    page.get_by_role("button", name="See what it would add").click()
    expect(page.get_by_role("heading", name="It would add")).to_be_visible()
    page.get_by_role("button", name="Add it turned off").click()
    expect(page.get_by_text("The playbook is added.")).to_be_visible()
    expect(page.get_by_text("Everything is here already.")).to_be_visible()
    rules = desk.admin.every("/api/follow-up-rules", playbook="moving_sales")
    assert rules
    assert not any(one["is_active"] for one in rules)


def test_pages_of_automation_are_accessible_and_show_markup_as_text(browsing: Browsing, desk: Desk):
    one = rule(desk, description=EVIL, after="1 hour")
    desk.capture(first_name=EVIL)
    sequence = made(desk, "/api/sequences", SEQUENCE)
    nurture = made(desk, "/api/nurtures", NURTURE)
    page = browsing.sign_in(desk.admin)
    paths = ["/automation", "/automation?kind=playbooks", "/automation/playbooks/orthodontics"]
    paths += [f"/automation/rules/{one['id']}?tab={tab}" for tab in TABS]
    paths += ["/automation/rules/new", f"/automation/nurtures/{nurture['id']}?tab=edit"]
    paths += [f"/automation/sequences/{sequence['id']}?tab=results", f"/automation/nurtures/{nurture['id']}?tab=runs"]
    found = []
    for path in paths:
        browsing.open(page, path)
        found += faults(page, path)
    assert found == []
    assert page.evaluate("window.hacked") is None
