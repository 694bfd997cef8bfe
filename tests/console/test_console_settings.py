"""The console in a browser: settings, conversations, templates, audit log, import, preferences, first-run guide."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from app.clock import now
from app.core.db import transaction
from app.identity.models import Role
from app.messaging.inbound.addresses import return_addresses
from app.messaging.models import Notification
from tests.support.accessibility import faults
from tests.support.browser import Browsing
from tests.support.desk import Desk
from tests.support.each_kind import second_sign_in
from tests.support.inbound import ADDRESS, mail, receive

EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
PREVIEW = re.compile("/preview$")
VARIANTS = [{"subject": "Hello", "body": "Hello {{ lead.first_name }}, which day suits you?"}]


def dialog(page: Page):
    return page.get_by_role("dialog")


def reply(desk: Desk, lead: dict[str, Any], text: str = "Which day?") -> None:
    """A message to the lead, and the lead's answer."""
    given = {"channel": "email", "template": "hello", "subject": "Hello", "body": "Hello", "state": "sent"}
    with transaction() as session:
        note = Notification(id=uuid4(), clinic_id=desk.clinic_id, lead_id=lead["id"], created_at=now(), **given)
        note.address = lead["email"]
        session.add(note)
    to = str(return_addresses(ADDRESS, note.id, for_bounces=True).reply_to)
    receive(desk.clinic_id, mail(text, sender=lead["email"], to=to))


def template(desk: Desk, **more: Any) -> dict[str, Any]:
    made = desk.admin.post(
        "/api/message-templates", {"slug": "which-day", "name": "Which day", "variants": VARIANTS, **more}
    )
    assert made.status == 201, made.body
    return dict(made.body)


# --- settings ---


def test_later_changes_survive_the_saving_of_a_form(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/follow-ups")
    held: list[Route] = []
    page.route("**/api/settings/follow-ups", lambda route: held.append(route) if is_patch(route) else route.continue_())
    days = page.get_by_label("Stale after (days without contact)")
    days.fill("20")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    days.fill("25")
    page.get_by_label("Tasks per person and hour").fill("9")
    release(page, held)
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert desk.admin.get("/api/settings/follow-ups").body["stale_after_days"] == 20
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    release(page, held)
    expect(days).to_have_value("25")
    page.reload()
    expect(days).to_have_value("25")
    expect(page.get_by_label("Tasks per person and hour")).to_have_value("9")


def release(page: Page, held: list[Route]) -> None:
    """Wait for the call that is held, and let it go on."""
    while not held:
        page.wait_for_timeout(20)
    held.pop().continue_()


def is_patch(route: Route) -> bool:
    return route.request.method == "PATCH"


def test_reasons_for_cancelling_a_task_are_edited(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/tasks")
    page.get_by_label("A reason is required").check()
    page.get_by_role("textbox", name="Reasons").fill("Moved away\nToo expensive")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    stored = desk.admin.get("/api/settings/task-cancellation").body
    assert (stored["is_required"], stored["reasons"]) == (True, ["Moved away", "Too expensive"])


def test_time_for_old_history_is_saved_after_its_count_is_shown(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    desk.admin.post(f"/api/leads/tasks/{task['id']}/complete", {})
    desk.admin.post(f"/api/leads/{lead['id']}/lost", {"reason": "OTHER"})
    ago = "interval '400 days'"
    desk.sql(f"UPDATE leads SET lost_at = lost_at - {ago} WHERE id = :id", id=lead["id"])
    desk.sql(f"UPDATE lead_tasks SET completed_at = completed_at - {ago} WHERE id = :id", id=task["id"])
    page = browsing.sign_in(desk.admin, "/settings/follow-ups")
    days = page.get_by_label("Keep the history of closed leads (days)")
    days.fill("364")
    expect(page.get_by_text("Today this deletes")).to_have_count(0)
    days.fill("365")
    expect(page.get_by_text("Today this deletes 1 task and 0 entries of timelines")).to_be_visible()
    days.fill("500")
    expect(page.get_by_text("Today this deletes nothing.")).to_be_visible()
    assert faults(page) == []
    days.fill("365")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert desk.admin.get("/api/settings/follow-ups").body["keep_history_days"] == 365
    assert desk.sql("SELECT id FROM lead_tasks WHERE id = :id", id=task["id"]), "a sweep deletes it, not the form"
    days.fill("")
    with page.expect_response("**/api/settings/follow-ups"):
        page.get_by_role("button", name="Save").click()
    assert desk.admin.get("/api/settings/follow-ups").body["keep_history_days"] is None


def test_team_is_created_changed_and_deleted_by_keyboard(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/teams")
    page.get_by_role("button", name="New team").focus()
    page.keyboard.press("Enter")
    dialog(page).get_by_label("Name").focus()
    page.keyboard.type(EVIL[:90])
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Edit {EVIL[:90]}")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Edit")).focus()
    page.keyboard.press("Enter")
    dialog(page).get_by_label("Name").fill("North")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Edit North")).to_be_visible()
    page.get_by_role("button", name="More for North").click()
    page.get_by_role("menuitem", name="Delete").click()
    dialog(page).get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Edit North")).to_have_count(0)
    assert page.evaluate("window.hacked") is None
    assert desk.admin.every("/api/teams") == []


def test_mistakes_of_a_form_are_shown_at_their_fields(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/sources")
    page.get_by_role("button", name="New source").click()
    dialog(page).get_by_label("Name").fill("Fair")
    dialog(page).get_by_label("Category").select_option("COMMUNITY_EVENT")
    dialog(page).get_by_label("Cost per month").fill("a lot")
    dialog(page).get_by_role("button", name="Create").click()
    expect(dialog(page).get_by_label("Cost per month")).to_have_attribute("aria-invalid", "true")
    dialog(page).get_by_label("Cost per month").fill("120.50")
    dialog(page).get_by_role("button", name="Create").click()
    expect(page.get_by_role("button", name="Edit Fair")).to_be_visible()
    [made] = [one for one in desk.admin.every("/api/lead-sources") if one["name"] == "Fair"]
    assert made["monthly_cost"] == "120.50"


def test_edit_conflict_shows_both_values_and_loses_nothing(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/contact-policy")
    page.get_by_label("Messages per day").fill("3")
    assert desk.admin.patch("/api/settings/contact-policy", {"daily_cap": 5, "weekly_cap": 9}).status == 200
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed this meanwhile")
    expect(page.get_by_role("alert")).to_contain_text("now 5; yours 3")
    expect(page.get_by_label("Messages per week")).to_have_value("9")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    stored = desk.admin.get("/api/settings/contact-policy").body
    assert (stored["daily_cap"], stored["weekly_cap"]) == (3, 9)


def test_opening_hours_of_a_day_are_closed_and_opened(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/hours")
    page.get_by_role("button", name="Another span: Saturday").click()
    page.get_by_label("Saturday to").fill("12:30")
    page.get_by_role("button", name="Remove the span: Monday 09:00").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    hours = desk.admin.get("/api/settings/hours").body["business_hours"]
    assert hours["sat"] == [["09:00", "12:30"]]
    assert not hours.get("mon")


def test_api_key_is_shown_once_and_revoked(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/api-keys")
    page.get_by_role("button", name="New API key").click()
    dialog(page).get_by_label("Name").fill("Website")
    dialog(page).get_by_label("See leads").check()
    dialog(page).get_by_role("button", name="Create").click()
    expect(dialog(page).get_by_role("heading", name="Copy it now")).to_be_visible()
    shown = dialog(page).locator("code").inner_text()
    [key] = desk.admin.every("/api/api-keys")
    assert shown.startswith(key["prefix"])
    assert key["scopes"] == ["lead:read"]
    dialog(page).get_by_role("button", name="I have stored it").click()
    expect(page.get_by_text(shown)).to_have_count(0)
    page.get_by_role("button", name="More for Website").click()
    page.get_by_role("menuitem", name="Revoke").click()
    dialog(page).get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Nothing here yet.")).to_be_visible()


def test_role_with_scopes_and_invitation(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/roles")
    page.get_by_role("button", name="New role").click()
    dialog(page).get_by_label("Name").fill("Night desk")
    dialog(page).get_by_label("See leads").select_option("team")
    dialog(page).get_by_role("button", name="Create").click()
    expect(page.get_by_role("button", name="Edit Night desk")).to_be_visible()
    page.get_by_role("link", name="People").click()
    page.get_by_role("button", name="New user").click()
    dialog(page).get_by_label("E-mail address").fill("night@clinic.example")
    dialog(page).get_by_label("Name").fill("Nia Night")
    dialog(page).get_by_label("Role").select_option("night_desk")
    dialog(page).get_by_role("button", name="Create").click()
    expect(page.get_by_role("row", name=re.compile("Nia Night"))).to_contain_text("Invited")


def test_roles_of_the_product_have_no_acts(browsing: Browsing, desk: Desk):
    desk.admin.post("/api/roles", {"name": "Night desk", "slug": "night_desk", "grants": {"lead:read": "team"}})
    page = browsing.sign_in(desk.admin, "/settings/roles")
    expect(page.get_by_role("button", name="Edit Night desk")).to_be_visible()
    given = page.get_by_role("row").filter(has_text="Of the product")
    expect(given.first).to_be_visible()
    expect(given.get_by_role("button")).to_have_count(0)


def test_settings_ask_for_each_list_once(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/clinic")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    for area, shown in (("people", "admin"), ("roles", "Of the product"), ("teams", "Nothing here yet.")):
        browsing.open(page, f"/settings/{area}")
        expect(page.locator("#content").get_by_text(shown).first).to_be_visible()
    assert (asked.count("/api/roles"), asked.count("/api/teams")) == (1, 1)


def test_stage_is_created_without_a_code_word(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/stages")
    page.get_by_role("button", name="New stage").click()
    expect(dialog(page).get_by_label("Slug")).to_have_count(0)
    expect(dialog(page)).not_to_contain_text("Id of")
    dialog(page).get_by_label("Name").fill("Insurance: été 2")
    dialog(page).get_by_label("Colour").select_option("Amber")
    dialog(page).get_by_role("button", name="Create").click()
    expect(page.get_by_role("button", name="Edit Insurance")).to_be_visible()
    [made] = [one for one in desk.admin.every("/api/pipeline-stages") if one["name"] == "Insurance: été 2"]
    assert (made["slug"], made["color"]) == ("insurance_ete_2", "#e0a030")


def test_custom_field_asks_for_choices_only_if_it_has_them(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/fields")
    page.get_by_role("button", name="New custom field").click()
    dialog(page).get_by_label("Label").fill("名前")
    expect(dialog(page).get_by_label("Choices")).to_have_count(0)
    dialog(page).get_by_label("Type").select_option("choice")
    dialog(page).get_by_label("Choices").fill("Metal\nCeramic")
    dialog(page).get_by_role("button", name="Create").click()
    expect(page.get_by_role("button", name="Edit 名前")).to_be_visible()
    [made] = desk.admin.every("/api/custom-fields")
    assert re.fullmatch("own_[a-z0-9]+", made["key"])
    assert made["options"] == ["Metal", "Ceramic"]


def test_quiet_hours_are_fields_of_time(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/hours")
    quiet = page.get_by_role("group", name="Quiet hours")
    if not quiet.get_by_label("In use").is_checked():
        quiet.get_by_label("In use").check()
    expect(quiet.get_by_label("From")).to_have_attribute("type", "time")
    expect(quiet.get_by_label("To")).to_have_attribute("type", "time")


def test_mail_account_form_follows_the_sign_in_and_shows_a_refusal(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/accounts")
    page.get_by_role("button", name="New sending account").click()
    form = dialog(page)
    form.get_by_label("Name", exact=True).fill("office")
    form.get_by_label("Kind").select_option("smtp")
    expect(form.get_by_label("Encryption")).to_have_value("starttls")
    expect(form.get_by_label("Password")).to_be_visible()
    expect(form.get_by_label("Client id")).to_have_count(0)
    form.get_by_label("Sign in").select_option("microsoft")
    expect(form.get_by_label("Client id")).to_be_visible()
    expect(form.get_by_label("Password")).to_have_count(0)
    form.get_by_label("Sign in").select_option("password")
    form.get_by_label("Server", exact=True).fill("127.0.0.1")
    form.get_by_label("Sender address").fill("hello@clinic.example")
    form.get_by_role("group", name="Channels").get_by_label("E-mail").check()
    form.get_by_role("button", name="Create").click()
    expect(form.locator("p.wrong")).to_be_in_viewport()


@pytest.mark.parametrize(
    ("area", "button", "label"),
    [
        ("People", "New user", "Role"),
        ("People", "New user", "Team"),
        ("Assignment rules", "New assignment rule", "If nobody is available"),
        ("Web forms", "New web form", "Source"),
    ],
)
def test_choices_that_load_late_appear_in_the_open_form(
    browsing: Browsing, desk: Desk, area: str, button: str, label: str
):
    assert desk.admin.post("/api/teams", {"name": "Night"}).status == 201
    page = browsing.sign_in(desk.admin, "/settings/tracking")
    lists = re.compile(r"/api/(roles|teams|users|lead-sources)\b")
    page.route(lists, lambda route: None)
    page.get_by_role("link", name=area, exact=True).click()
    page.get_by_role("button", name=button).click()
    choice = dialog(page).get_by_label(label)
    expect(choice).to_be_visible()
    assert choice.locator("option:not([value=''])").count() == 0
    page.unroute(lists)  # the held requests go on
    expect(choice.locator("option:not([value=''])").first).to_be_attached()


def test_web_form_is_made_pasted_into_a_website_and_sent_by_a_visitor(browsing: Browsing, desk: Desk):
    site = "http://localhost:9"
    page = browsing.sign_in(desk.admin, "/settings/forms")
    page.get_by_role("button", name="New web form").click()
    assert dialog(page).locator("input, select, textarea").first.get_attribute("id") == (
        dialog(page).get_by_label("Name", exact=True).get_attribute("id")
    )
    dialog(page).get_by_label("Name", exact=True).fill("Contact")
    dialog(page).get_by_label("Websites that may send it").fill(site)
    dialog(page).get_by_label("Source").select_option(index=1)
    dialog(page).get_by_label("Phone").select_option("required")
    dialog(page).get_by_label("First name").select_option("optional")
    dialog(page).get_by_label("Text after sending").fill("Thank you! We call you.")
    dialog(page).get_by_role("button", name="Create").click()
    html = dialog(page).locator("pre")
    expect(html).to_contain_text("<form")
    form, visitor = html.inner_text(), page.context.new_page()
    # Its servers' address is the default one, without PUBLIC_URL.
    form = re.sub('(?<=action=")[^"]*(?=/api/)', browsing.url, form)
    visitor.route(f"{site}/*", lambda route: route.fulfill(body=form, content_type="text/html"))
    visitor.goto(f"{site}/braces?utm_source=spring-mail&utm_campaign=spring")
    visitor.get_by_label("First name").fill("Ana")
    visitor.get_by_label("Phone").fill("+12125550143")
    visitor.get_by_role("button", name="Send").click()
    expect(visitor.get_by_role("heading")).to_have_text("Thank you! We call you.")
    [lead] = desk.admin.every("/api/leads")
    [touch] = desk.admin.every(f"/api/leads/{lead['id']}/touches")
    assert (lead["first_name"], lead["source_campaign"]) == ("Ana", "spring")
    assert (touch["utm_source"], touch["landing_page"]) == ("spring-mail", f"{site}/braces")


def test_stages_are_moved_by_keyboard(browsing: Browsing, desk: Desk):
    before = [one["slug"] for one in desk.admin.every("/api/pipeline-stages")]
    page = browsing.sign_in(desk.admin, "/settings/stages")
    page.get_by_role("button", name=re.compile("^Move .* down$")).nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    after = [one["slug"] for one in desk.admin.every("/api/pipeline-stages")]
    assert after == [before[0], before[2], before[1], *before[3:]]


def test_webhook_with_its_secret_test_and_log(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/webhooks")
    page.get_by_role("button", name="New webhook").click()
    dialog(page).get_by_label("Address (URL)").fill("https://8.8.8.8/hook")
    dialog(page).get_by_label("lead.created").check()
    dialog(page).get_by_role("button", name="Create").click()
    expect(dialog(page).locator("code")).to_contain_text("whsec_")
    dialog(page).get_by_role("button", name="I have stored it").click()
    page.get_by_role("button", name=re.compile("^More for")).click()
    page.get_by_role("menuitem", name="Send events again").click()
    dialog(page).get_by_label("Since").fill("2026-01-01T00:00")
    dialog(page).get_by_role("button", name="Count").click()
    expect(dialog(page).get_by_role("status").filter(has_text="events.")).to_be_visible()


def test_name_and_zone_of_the_clinic_are_changed(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/clinic")
    form = page.get_by_role("region", name="Clinic", exact=True)
    form.get_by_label("Name", exact=True).fill("North Clinic")
    form.get_by_label("Time zone").select_option("Europe/Paris")
    expect(form.get_by_text("Planned steps and tasks keep their times.")).to_be_visible()
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_text("Times in Europe/Paris").first).to_be_visible()
    stored = desk.admin.get("/api/settings/clinic").body
    assert (stored["name"], stored["timezone"]) == ("North Clinic", "Europe/Paris")


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_times_of_forms_are_in_the_zone_of_the_clinic(browsing: Browsing, desk: Desk, zone: str):
    """The computer may be in another zone: New York is four hours behind UTC in July."""
    page = browsing.sign_in(desk.admin, "/settings/api-keys", timezone_id=zone)
    page.get_by_role("button", name="New API key").click()
    dialog(page).get_by_label("Name").fill("Website")
    dialog(page).get_by_label("See leads").check()
    dialog(page).get_by_label("Valid until").fill("2040-07-01T09:00")
    expect(dialog(page).get_by_text("Times in America/New York")).to_be_visible()
    dialog(page).get_by_role("button", name="Create").click()
    expect(dialog(page).get_by_role("heading", name="Copy it now")).to_be_visible()
    [key] = desk.admin.every("/api/api-keys")
    assert key["expires_at"] == "2040-07-01T13:00:00Z"


# --- roles ---


def test_roles_see_only_their_settings(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    for name in ("Settings", "Audit log", "Templates"):
        expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
    page.goto("/settings/people")
    expect(page.get_by_role("heading", name="Your role does not include this page.")).to_be_visible()

    marketing = browsing.sign_in(desk.hire(Role.MARKETING_MANAGER), "/settings")
    expect(marketing.get_by_role("link", name="Stages")).to_have_attribute("aria-current", "page")
    expect(marketing.get_by_role("link", name="Sources")).to_be_visible()
    expect(marketing.get_by_role("link", name="People")).to_have_count(0)
    expect(marketing.get_by_role("link", name="Import leads")).to_have_count(0)


# --- conversations ---


def test_unanswered_conversation_is_answered_with_a_template(browsing: Browsing, desk: Desk):
    template(desk)
    reply(desk, desk.capture(first_name="Mia", email="mia@lead.example"), EVIL)
    page = browsing.sign_in(desk.admin, "/conversations")
    page.get_by_role("link", name=re.compile("Mia Ruiz")).click()
    expect(page.locator(".bubble.inbound")).to_contain_text("<script>")
    page.get_by_label("Begin with a template").select_option(label="Which day")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Hello Mia, which day suits you?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The message is on its way.")).to_be_visible()
    expect(page.get_by_text("Nobody waits for an answer.")).to_be_visible()
    page.get_by_role("button", name="Answered", exact=True).click()
    expect(page.get_by_role("link", name=re.compile("Mia Ruiz"))).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_reply_of_a_lead_appears_by_itself(browsing: Browsing, desk: Desk):
    lead = desk.capture(first_name="Mia", email="mia@lead.example", assigned_to_id=desk.coordinator.id)
    page = browsing.sign_in(desk.coordinator, "/conversations")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("Nobody waits for an answer.")).to_be_visible()
    reply(desk, lead)
    expect(page.get_by_role("link", name=re.compile("Mia Ruiz"))).to_be_visible()


def test_coordinator_answers_with_a_template_and_marks_the_conversation_as_done(browsing: Browsing, desk: Desk):
    template(desk)
    lead = desk.capture(first_name="Mia", email="mia@lead.example", assigned_to_id=desk.coordinator.id)
    reply(desk, lead)
    page = browsing.sign_in(desk.coordinator, f"/conversations/{lead['id']}")
    page.get_by_label("Begin with a template").select_option(label="Which day")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Hello Mia, which day suits you?")
    page.get_by_role("button", name="Mark as done").click()
    expect(page.get_by_role("button", name="Open again")).to_be_visible()
    expect(page.get_by_text("Nobody waits for an answer.")).to_be_visible()
    page.get_by_role("button", name="Done", exact=True).click()
    expect(page.get_by_role("link", name=re.compile("Mia Ruiz"))).to_be_visible()
    reply(desk, lead, "Hello?")
    expect(page.get_by_role("button", name="Mark as done")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Mia Ruiz"))).to_have_count(0)


def test_conversation_that_a_colleague_marks_leaves_the_list_by_itself(browsing: Browsing, desk: Desk):
    lead = desk.capture(first_name="Mia", email="mia@lead.example", assigned_to_id=desk.coordinator.id)
    reply(desk, lead)
    page = browsing.sign_in(desk.coordinator, "/conversations")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Mia Ruiz"))).to_be_visible()
    assert desk.admin.post(f"/api/conversations/{lead['id']}/done", {}).status == 200
    expect(page.get_by_text("Nobody waits for an answer.")).to_be_visible()


def test_answer_keeps_its_text_and_channel_when_the_lead_writes_again(browsing: Browsing, desk: Desk):
    lead = desk.capture(first_name="Mia", email="mia@lead.example", assigned_to_id=desk.coordinator.id)
    reply(desk, lead)
    page = browsing.sign_in(desk.coordinator, f"/conversations/{lead['id']}")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.get_by_label("Channel", exact=True).select_option("sms")
    page.get_by_label("Message", exact=True).fill("Which day suits")
    reply(desk, lead, "Are you there?")
    expect(page.locator(".bubble.inbound").get_by_text("Are you there?")).to_be_visible()
    expect(page.get_by_label("Message", exact=True)).to_have_value("Which day suits")
    expect(page.get_by_label("Channel", exact=True)).to_have_value("sms")


def test_late_preview_of_an_earlier_template_is_ignored(browsing: Browsing, desk: Desk):
    slow = template(desk)
    variants = [{"subject": "Hello", "body": "Second text"}]
    desk.admin.post("/api/message-templates", {"slug": "second", "name": "Second", "variants": variants})
    lead = desk.capture(first_name="Mia", email="mia@lead.example")
    page, held = browsing.sign_in(desk.admin, f"/conversations/{lead['id']}"), list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(f"{slow['id']}/preview$"), hold)
    choice = page.get_by_label("Begin with a template")
    with page.expect_request(re.compile(f"{slow['id']}/preview$")):
        choice.select_option(label="Which day")
    choice.select_option(label="Second")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Second text")
    with page.expect_response(re.compile(f"{slow['id']}/preview$")) as response:
        held[0].continue_()
    response.value.finished()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Second text")


def test_text_that_a_template_replaced_is_put_back(browsing: Browsing, desk: Desk):
    template(desk)
    lead = desk.capture(first_name="Mia", email="mia@lead.example")
    page = browsing.sign_in(desk.admin, f"/conversations/{lead['id']}")
    subject, text = page.get_by_label("Subject"), page.get_by_label("Message", exact=True)
    choice = page.get_by_label("Begin with a template")
    subject.fill("Your visit")
    text.fill("Dear Mia, I typed this.")
    choice.select_option(label="Which day")
    expect(text).to_have_value("Hello Mia, which day suits you?")
    page.get_by_role("button", name="Put my text back").click()
    expect(text).to_have_value("Dear Mia, I typed this.")
    expect(subject).to_have_value("Your visit")
    expect(choice).to_have_value("")


def test_new_channel_loads_the_template_again_but_keeps_typed_text(browsing: Browsing, desk: Desk):
    template(desk)
    lead = desk.capture(first_name="Mia", email="mia@lead.example", phone="+14155550143")
    page = browsing.sign_in(desk.admin, f"/conversations/{lead['id']}")
    text, channel = page.get_by_label("Message", exact=True), page.get_by_label("Channel", exact=True)
    page.get_by_label("Begin with a template").select_option(label="Which day")
    expect(text).to_have_value("Hello Mia, which day suits you?")
    page.route(PREVIEW, lambda route: None)
    channel.select_option("sms")
    text.fill("My own text")
    with page.expect_response(PREVIEW) as answered:
        page.unroute(PREVIEW)  # the held request goes on
    answered.value.finished()
    page.evaluate("() => new Promise((done) => setTimeout(done, 200))")  # the page has read the answer
    expect(text).to_have_value("My own text")
    expect(channel).to_have_value("sms")
    channel.select_option("email")
    expect(text).to_have_value("My own text")
    expect(page.get_by_role("button", name="Put my text back")).to_have_count(0)


def test_template_that_loads_after_sending_does_not_fill_the_next_message(browsing: Browsing, desk: Desk):
    template(desk)
    lead = desk.capture(first_name="Mia", email="mia@lead.example")
    page = browsing.sign_in(desk.admin, f"/conversations/{lead['id']}")
    text = page.get_by_label("Message", exact=True)
    text.fill("My own text")
    page.get_by_label("Subject", exact=True).fill("Hello")
    page.route(PREVIEW, lambda route: None)
    page.get_by_label("Begin with a template").select_option(label="Which day")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(text).to_have_value("")
    with page.expect_response(PREVIEW) as answered:
        page.unroute(PREVIEW)
    answered.value.finished()
    page.evaluate("() => new Promise((done) => setTimeout(done, 200))")
    expect(text).to_have_value("")


# --- templates ---


def test_template_is_edited_with_suggestions_previewed_and_rolled_back(browsing: Browsing, desk: Desk):
    made = template(desk)
    page = browsing.sign_in(desk.admin, f"/templates/{made['id']}")
    text = page.get_by_label("Text", exact=True)
    text.fill("Dear ")
    text.press("End")
    page.keyboard.type("{{ lead.fi")
    expect(page.get_by_role("listbox").get_by_role("option", name="lead.first_name")).to_be_visible()
    page.keyboard.press("Enter")
    expect(text).to_have_value("Dear {{ lead.first_name }}")
    expect(page.get_by_role("region", name="Preview")).to_contain_text("Dear ")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as a new version.")).to_be_visible()
    page.get_by_role("button", name="Differences to the current one").click()
    expect(page.locator("ins").first).to_contain_text("Dear")
    page.get_by_role("button", name="Use again").click()
    expect(text).to_have_value(VARIANTS[0]["body"])


def test_unknown_field_is_refused_at_the_text(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/templates/new")
    page.get_by_label("Name", exact=True).fill("Broken")
    page.get_by_label("Short name").fill("broken")
    page.get_by_label("Subject").fill("Hello")
    page.get_by_label("Text", exact=True).fill("{{ lead.shoe_size }}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Text", exact=True)).to_have_attribute("aria-invalid", "true")


# --- audit log ---


def test_audit_log_is_filtered_shown_verified_and_exported(browsing: Browsing, desk: Desk):
    lead = desk.capture(city="Lyon")
    assert desk.admin.patch(f"/api/leads/{lead['id']}", {"city": "Nice"}).status == 200
    page = browsing.sign_in(desk.admin, "/audit")
    page.get_by_label("Act", exact=True).select_option("update")
    page.get_by_label("Kind of object").fill("lead")
    page.get_by_role("button", name=re.compile(r"^Entry \d+")).first.click()
    expect(dialog(page).get_by_role("row", name=re.compile("City"))).to_contain_text("Nice")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Verify the chain").click()
    expect(dialog(page).get_by_role("status").filter(has_text="Intact")).to_be_visible()
    page.keyboard.press("Escape")
    with page.expect_download() as file:
        page.get_by_role("button", name="Export as CSV").click()
    assert "Lyon" in Path(file.value.path()).read_text()


# --- import ---


def test_file_is_mapped_checked_and_imported_with_its_mistakes(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator, "/import")
    content = "Vorname,Surname,Handy\nAna,Import,(212) 555-0171\nBad,Row,12\nBo,Import,(212) 555-0172\n"
    file = {"name": "leads.csv", "mimeType": "text/csv", "buffer": content.encode()}
    page.get_by_label("Choose a file").set_input_files([file])  # type: ignore[list-item]
    expect(page.get_by_label("Field of the lead: Vorname")).to_have_value("first_name")
    expect(page.get_by_text("Such as: Ana")).to_be_visible()
    page.get_by_label("Field of the lead: Handy").select_option("phone")
    expect(page.get_by_text("Such as: (212) 555-0143")).to_be_visible()
    page.get_by_label("Source, if the row names none").select_option(desk.source_id)
    page.get_by_role("button", name="Check the rows").click()
    expect(page.get_by_text("2 rows are ready, 1 have mistakes.")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^3 "))).to_be_visible()
    assert desk.admin.every("/api/leads") == []
    with page.expect_download() as errors:
        page.get_by_role("button", name="Download these rows").click()
    assert "Bad,Row" in Path(errors.value.path()).read_text()
    page.get_by_role("button", name="Import 2 leads").click()
    dialog(page).get_by_role("button", name="Import now").click()
    expect(page.get_by_text("2 rows are imported, 1 are not.")).to_be_visible()
    assert sorted(lead["first_name"] for lead in desk.admin.every("/api/leads")) == ["Ana", "Bo"]


def test_import_says_how_many_tasks_follow_before_it_starts(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/import")
    content = "Vorname,Surname,Mobile\nAna,Import,(212) 555-0171\nBo,Import,(212) 555-0172\n"
    file = {"name": "leads.csv", "mimeType": "text/csv", "buffer": content.encode()}
    page.get_by_label("Choose a file").set_input_files([file])  # type: ignore[list-item]
    page.get_by_label("Source, if the row names none").select_option(desk.source_id)
    page.get_by_label("Let rules plan follow-ups for the new leads").check()
    page.get_by_role("button", name="Check the rows").click()
    page.get_by_role("button", name="Import 2 leads").click()
    expect(dialog(page)).to_contain_text("The rules plan 4 tasks and 0 messages")
    expect(dialog(page)).to_contain_text("Call a new lead within five minutes of opening time.")
    dialog(page).get_by_role("button", name="Cancel").click()
    assert desk.admin.every("/api/leads") == []


# --- preferences and guide ---


def test_own_notices_are_chosen(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator, "/me")
    page.get_by_label("Assignment: E-mail").select_option("off")
    page.get_by_label("Time of the daily summary").fill("07:15")
    page.get_by_label("My time zone").select_option("America/Chicago")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    stored = desk.coordinator.get("/api/me/notice-preferences").body
    assert (stored["digest_at"], stored["timezone"]) == ("07:15", "America/Chicago")
    [notice] = [one for one in stored["notices"] if one["kind"] == "assignment"]
    assert {"channel": "email", "source": "own", "value": "off"} in notice["channels"]


def test_guide_leads_to_the_first_steps_and_stays_closed(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin)
    expect(page.get_by_role("heading", name="Welcome. What to do first")).to_be_visible()
    page.get_by_role("link", name=re.compile("Enter your opening hours")).click()
    expect(page.get_by_role("heading", name="Opening hours")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Close for ever").click()
    page.reload()
    expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()
    expect(page.get_by_role("heading", name="Welcome. What to do first")).to_have_count(0)
    elsewhere = browsing.sign_in(desk.admin)
    expect(elsewhere.get_by_role("heading", name="Today", level=1)).to_be_visible()
    expect(elsewhere.get_by_role("heading", name="Welcome. What to do first")).to_have_count(0)
    other = browsing.sign_in(desk.coordinator)
    expect(other.get_by_role("heading", name="Welcome. What to do first")).to_have_count(0)


def test_other_session_is_ended(browsing: Browsing, desk: Desk):
    other = second_sign_in(desk)
    page = browsing.sign_in(desk.admin, "/me")
    sessions = page.get_by_role("region", name="Where I am signed in")
    expect(sessions.get_by_text("This one")).to_have_count(1)
    sessions.get_by_role("button", name="End the session: Unknown program").first.click()
    expect(page.get_by_text("Ended.", exact=True)).to_be_visible()
    assert other not in [one["id"] for one in desk.admin.get("/api/me/sessions").body["items"]]


# --- accessibility ---

AREAS = (
    *("clinic", "hours", "contact-policy", "follow-ups", "people", "roles", "teams", "stages", "sources", "fields"),
    *("assignment", "forms", "accounts", "mailboxes", "inbound", "providers", "gateways", "tracking", "webhooks"),
    "api-keys",
)


def test_every_new_page_is_accessible(browsing: Browsing, desk: Desk):
    made, lead = template(desk), desk.capture(email="mia@lead.example")
    reply(desk, lead)
    desk.admin.post("/api/teams", {"name": "North"})
    page = browsing.sign_in(desk.admin)
    found = []
    paths = ("/settings", *(f"/settings/{one}" for one in AREAS), "/conversations", f"/conversations/{lead['id']}")
    paths += ("/templates", f"/templates/{made['id']}", "/templates/new", "/audit", "/import", "/me")
    for path in paths:
        browsing.open(page, path)
        found += faults(page, path)
    assert found == []
