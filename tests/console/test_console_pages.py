"""The console in a browser: main tasks by mouse and by keyboard, roles, live updates, and accessibility."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect

from app.clock import now
from app.identity.models import Role
from app.identity.passwords.links import write_token
from tests.support.accessibility import faults
from tests.support.browser import PASSWORD, Browsing
from tests.support.desk import Desk
from tests.support.inbound import mail, receive

EVIL = "<img src=x onerror=window.hacked=1>"


def dialog(page: Page):
    return page.get_by_role("dialog")


def overdue(desk: Desk, *titles: str) -> None:
    """Tasks of the coordinator that were due minutes ago, in this order."""
    for at, title in enumerate(titles):
        lead = desk.capture(first_name=f"Lead{at}", phone=f"+1212555020{at}", assigned_to_id=desk.coordinator.id)
        task = desk.plan(lead, title=title, assigned_to_id=desk.coordinator.id)
        due = now() - timedelta(minutes=50 - at)
        desk.sql("UPDATE lead_tasks SET due_at = :due WHERE id = :id", due=due, id=task["id"])


# --- sign-in ---


def test_sign_in_survives_a_reload_and_ends_with_sign_out(browsing: Browsing, desk: Desk):
    page = browsing.visit()
    email = browsing.email_of(desk.coordinator)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill("wrong umbrellas")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("E-mail address or password is wrong.")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()

    page.reload()
    expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])") == '[{"relance.theme":"auto"},{}]'

    page.get_by_role("button", name="My account").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_changed_password_leads_back_to_sign_in(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    page.get_by_role("button", name="My account").click()
    page.get_by_role("menuitem", name="Change my password").click()
    dialog(page).get_by_label("Current password").fill(PASSWORD)
    dialog(page).get_by_label("New password").fill("short")
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_label("New password")).to_have_attribute("aria-invalid", "true")
    dialog(page).get_by_label("New password").fill("nine purple kettles")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_invited_user_chooses_a_password_and_goes_on_to_sign_in(browsing: Browsing, desk: Desk):
    body = {"email": "nina@clinic.example", "name": "Nina", "role": "front_desk"}
    made = desk.admin.post("/api/users", body)
    assert made.status == 201, made.body
    [link] = desk.sql("SELECT id FROM password_links WHERE user_id = :id", id=made.body["id"])
    page = browsing.visit(f"/account/password#{write_token(link.id)}")
    page.get_by_label("At least 12 characters.").fill("seven green umbrellas")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Your password is set. You can sign in now.")).to_be_visible()
    page.keyboard.press("Enter")  # the link has the focus
    page.get_by_label("E-mail address").fill("nina@clinic.example")
    page.get_by_label("Password").fill("seven green umbrellas")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()


# --- Today ---


def test_queue_is_worked_through_by_keyboard_alone(browsing: Browsing, desk: Desk):
    overdue(desk, "First", "Second", "Third")
    page = browsing.sign_in(desk.coordinator)
    expect(page.get_by_role("article", name="First")).to_be_visible()
    page.keyboard.press("e")
    expect(dialog(page).get_by_label("Notes")).to_be_focused()
    page.keyboard.type("Reached the mother")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_role("article", name="Second")).to_be_visible()  # opens by itself
    page.keyboard.press("c")
    expect(dialog(page).get_by_label("Notes")).to_be_focused()
    page.keyboard.type("Voicemail full")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_role("article", name="Third")).to_be_visible()
    page.keyboard.press("s")
    expect(dialog(page).get_by_role("button", name="1 hour")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Snoozed until")).to_be_visible()
    states = {row.title: (row.status, row.snoozed_until) for row in desk.sql("SELECT * FROM lead_tasks")}
    assert (states["First"][0], states["Second"][0]) == ("COMPLETED", "COMPLETED")
    assert states["Third"][1] > now() + timedelta(minutes=50)


def test_dialog_keeps_its_task_when_a_colleague_completes_it(browsing: Browsing, desk: Desk):
    overdue(desk, "First", "Second")
    page = browsing.sign_in(desk.coordinator)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.get_by_role("article", name="First").get_by_role("button", name="Complete").click()
    expect(dialog(page).get_by_role("heading", name="Complete: First")).to_be_visible()
    [first] = desk.sql("SELECT id FROM lead_tasks WHERE title = 'First'")
    assert desk.admin.post(f"/api/followups/{first.id}/complete", {}).status == 200
    expect(page.locator(".queue-item", has_text="First")).to_have_count(0)
    expect(dialog(page).get_by_role("heading", name="Complete: First")).to_be_visible()
    dialog(page).get_by_role("button", name="Complete").click()
    expect(dialog(page).get_by_role("alert")).to_be_visible()
    assert [row.status for row in desk.sql("SELECT status FROM lead_tasks WHERE title = 'Second'")] != ["COMPLETED"]


def test_snooze_can_be_undone(browsing: Browsing, desk: Desk):
    overdue(desk, "First")
    [before] = desk.sql("SELECT due_at FROM lead_tasks WHERE title = 'First'")
    page = browsing.sign_in(desk.coordinator)
    page.get_by_role("button", name="Snooze").click()
    dialog(page).get_by_role("button", name="1 week").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone.")).to_be_visible()
    assert desk.sql("SELECT due_at FROM lead_tasks WHERE title = 'First'") == [before]


def test_new_task_of_a_colleague_appears_by_itself(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("Nothing is due.")).to_be_visible()
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    desk.plan(lead, title="Call the school", assigned_to_id=desk.coordinator.id)
    expect(page.get_by_role("button", name=re.compile("Call the school"))).to_be_visible()


# --- Leads ---


def test_lead_is_created_by_keyboard_and_mistakes_are_shown_at_their_field(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator, "/leads")
    page.keyboard.press("n")
    page.keyboard.type("Maria")
    page.keyboard.press("Tab")
    page.keyboard.type("Silva")
    page.keyboard.press("Tab")
    page.keyboard.type("12")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(dialog(page).get_by_label("Source")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_label("Phone number")).to_have_attribute("aria-invalid", "true")
    dialog(page).get_by_label("Phone number").fill("(212) 555-0177")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Maria Silva")).to_be_visible()
    assert [lead["phone"] for lead in desk.admin.every("/api/leads")] == ["+12125550177"]


def test_bulk_act_says_the_count_first(browsing: Browsing, desk: Desk):
    desk.multiply(desk.capture(), 4)
    page = browsing.sign_in(desk.coordinator, "/leads")
    page.get_by_role("checkbox", name="Select all shown").check()
    expect(page.get_by_text("5 selected")).to_be_visible()
    page.get_by_role("button", name="Plan a task").click()
    expect(dialog(page).get_by_role("heading", name="A task for 5 leads")).to_be_visible()
    dialog(page).get_by_label("Title").fill("After the open day")
    dialog(page).get_by_role("button", name="A task for 5 leads").click()
    expect(page.get_by_text("5 tasks are being planned.")).to_be_visible()


def test_palette_finds_a_lead_by_name(browsing: Browsing, desk: Desk):
    desk.capture(first_name="Zoltan", last_name="Kiss")
    page = browsing.sign_in(desk.coordinator)
    page.keyboard.press("Control+k")
    page.keyboard.type("zol")
    expect(page.get_by_role("menuitem", name="Zoltan Kiss", exact=True)).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Zoltan Kiss")).to_be_visible()


def test_palette_finds_a_lead_by_any_part(browsing: Browsing, desk: Desk):
    lead = desk.capture(first_name="Zoltan", last_name="Kiss", phone="212-555-0188", email="zoltan.kiss@people.org")
    desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE", "notes": "Wants an appointment in spring"})
    desk.plan(lead, title="Send the quotation")
    receive(desk.clinic_id, mail(sender=lead["email"], subject="Re: Invisalign or braces"))
    page = browsing.sign_in(desk.coordinator)
    page.keyboard.press("Control+k")
    found = dialog(page).get_by_role("menuitem")
    field = dialog(page).get_by_role("searchbox")
    for typed, kind, marked in (
        ("(212) 555-0188", "Leads", "+12125550188"),
        ("zoltan.kiss@people.org", "Leads", "zoltan.kiss@people.org"),
        ("olta", "Leads", "olta"),
        ("appoi", "Timelines", "appoi"),
        ("quotation", "Tasks", "quotation"),
        ("invis", "Messages", "Invis"),
    ):
        field.fill(typed)
        group = dialog(page).get_by_role("group", name=kind)
        expect(group.locator("mark").first).to_have_text(marked)
        expect(group.get_by_role("menuitem")).to_contain_text("Zoltan Kiss")
    expect(group).to_contain_text("Subject: Re: Invisalign or braces · received")
    field.fill("olta")
    tasks = dialog(page).get_by_role("group", name="Tasks").get_by_role("menuitem").filter(has_text="quotation")
    expect(tasks).to_have_text(re.compile("^Send the quotationLead: Zoltan Kiss · due [^·]+$"))
    field.fill("0188 nobody")
    expect(dialog(page).get_by_role("status")).to_contain_text("Nothing found in names, phone numbers and addresses")
    field.fill("appoi")
    expect(found.first).to_contain_text("appointment in spring")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Zoltan Kiss")).to_be_visible()


def test_list_of_leads_is_searched_by_phone_number(browsing: Browsing, desk: Desk):
    desk.capture(first_name="Zoltan", last_name="Kiss", phone="212-555-0188")
    desk.capture(first_name="Mia", last_name="Keller", phone="212-555-0100")
    page = browsing.sign_in(desk.coordinator, "/leads")
    field = page.get_by_label("Search: name, phone, e-mail")
    field.fill("5550188")
    expect(page.get_by_role("link", name="Mia Keller")).to_have_count(0)
    expect(page.get_by_role("link", name="Zoltan Kiss")).to_be_visible()
    field.fill("5559999")
    expect(page.get_by_text("Searched: names, phone numbers")).to_be_visible()
    page.get_by_role("button", name="Search notes and tasks too").click()
    expect(dialog(page).get_by_role("searchbox")).to_be_focused()


def test_refused_stage_is_shown_in_the_words_of_the_api(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    assert desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"}).status == 200
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    page.get_by_role("button", name="Move to…").click()
    page.get_by_role("menuitem").first.click()
    expect(page.locator(".toast.bad")).to_contain_text("A lead cannot move back to an earlier stage")


def test_edit_of_a_changed_lead_loses_nothing(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    page.route("**/api/stream", lambda route: route.abort())  # the page does not know of the other edit
    page.reload()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Edit").click()
    dialog(page).get_by_label("First name").fill("Anna")
    assert desk.admin.patch(f"/api/leads/{lead['id']}", {"last_name": "Changed"}).status == 200
    dialog(page).get_by_role("button", name="Save").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("Somebody else has changed this lead")
    dialog(page).get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Anna Changed")).to_be_visible()


def test_markup_in_data_is_shown_as_text(browsing: Browsing, desk: Desk):
    lead = desk.capture(first_name=EVIL, notes=EVIL, tags=["<script>"])
    note = {"type": "NOTE", "notes": f"<script>window.hacked=2</script>{EVIL}"}
    assert desk.admin.post(f"/api/leads/{lead['id']}/activities", note).status == 201
    desk.plan(lead, title=EVIL, assigned_to_id=desk.coordinator.id)
    page = browsing.sign_in(desk.coordinator)
    for path in ("/today", "/leads", f"/leads/{lead['id']}"):
        browsing.open(page, path)
        expect(page.get_by_text(EVIL).first).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_roles_see_their_own_leads_and_actions_only(browsing: Browsing, desk: Desk):
    sam = desk.hire(Role.SALES)
    own = desk.capture(first_name="Own", assigned_to_id=sam.id)
    foreign = desk.capture(first_name="Foreign", phone="+12125550188", assigned_to_id=desk.coordinator.id)
    page = browsing.sign_in(sam, "/leads")
    expect(page.get_by_role("link", name="Own Ruiz")).to_be_visible()
    expect(page.get_by_role("link", name="Foreign Ruiz")).to_have_count(0)
    page.goto(f"/leads/{foreign['id']}")
    expect(page.get_by_role("heading", name="There is no such lead.")).to_be_visible()
    page.get_by_role("link", name="Show all leads").click()
    expect(page.get_by_role("link", name="Own Ruiz")).to_be_visible()

    reader = browsing.sign_in(desk.doctor, f"/leads/{own['id']}")
    expect(reader.get_by_role("button", name="Log a call")).to_have_count(0)
    expect(reader.get_by_role("button", name="New lead")).to_have_count(0)


def test_lost_connection_is_announced(browsing: Browsing, desk: Desk):
    page = browsing.visit()
    with page.expect_response(lambda answer: "/console/leads-" in answer.url):  # the other pages are loaded ahead
        page = browsing.sign_in(desk.coordinator, page=page)
    page.context.set_offline(True)
    page.get_by_role("link", name="Leads", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text("No connection to the server")
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)


# --- accessibility ---


def test_every_page_is_accessible(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    desk.plan(lead, assigned_to_id=desk.admin.id)
    page = browsing.sign_in(desk.admin)
    found = []
    for path in ("/today", "/board", "/leads", f"/leads/{lead['id']}", "/messages", "/operations", "/inbox"):
        browsing.open(page, path)
        found += faults(page, path)
    assert found == []
