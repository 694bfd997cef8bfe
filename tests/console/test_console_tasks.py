"""Ten main tasks in a browser, by mouse and by keyboard alone; failing answers; two tabs; the board by keyboard."""

import random
import re
import time
from contextlib import suppress
from datetime import timedelta

import pytest
from playwright.sync_api import Error, Page, Route, expect

from app.clock import now
from app.identity.models import Role
from tests.support.browser import PASSWORD, Browsing
from tests.support.desk import Desk
from tests.support.hands import Hands


def dialog(page: Page):
    return page.get_by_role("dialog")


def overdue_task(desk: Desk, title: str, **lead: str) -> str:
    """Plan a task of the coordinator that is overdue. Return the id of its lead."""
    made = desk.capture(assigned_to_id=desk.coordinator.id, **lead)
    task = desk.plan(made, title=title, assigned_to_id=desk.coordinator.id)
    desk.sql("UPDATE lead_tasks SET due_at = :due WHERE id = :id", due=now() - timedelta(hours=1), id=task["id"])
    return str(made["id"])


def two_leads(desk: Desk) -> str:
    """Create two leads, the first with an overdue task. Return its id.

    Each has a step `later` that nothing changes: its line stays while others come and go.
    """
    task = {"create_task": {"type": "CALL", "title": "Ask again"}}
    desk.admin.post("/api/follow-up-rules", {"name": "later", "on": "lead.created", "after": "9 days", "do": [task]})
    desk.capture(first_name="Noah", phone="+12125550150")
    return overdue_task(desk, "Call the school", first_name="Mia")


def enter_lead(page: Page, hands: Hands) -> None:
    for label, words in (("First name", "Zoe"), ("Last name", "Lang"), ("Phone number", "2125550177")):
        hands.type_into(dialog(page).get_by_label(label), words)
    hands.select(dialog(page).get_by_label("Source"), "Other")


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_ten_main_tasks(browsing: Browsing, desk: Desk, by: str):
    first = two_leads(desk)
    page = browsing.visit()
    hands = Hands(page, by)

    # 1 sign in
    hands.type_into(page.get_by_label("E-mail address"), browsing.email_of(desk.coordinator))
    hands.type_into(page.get_by_label("Password"), PASSWORD)
    hands.press(page.get_by_role("button", name="Sign in"))
    expect(page.get_by_role("article", name="Call the school")).to_be_visible()
    # 2 snooze a task
    hands.press(page.get_by_role("article").get_by_role("button", name="Snooze"))
    hands.press(dialog(page).get_by_role("button", name="1 hour"))
    expect(page.get_by_text("Snoozed until")).to_be_visible()
    # 3 create a lead
    hands.press(page.get_by_role("banner").get_by_role("button", name="New lead"))
    enter_lead(page, hands)
    hands.press(dialog(page).get_by_role("button", name="Create"))
    expect(page.get_by_role("heading", name="Zoe Lang")).to_be_visible()
    # 4 find a lead by name
    hands.press(page.get_by_role("button", name="Search or go to…"))
    page.keyboard.type("mia")
    found = page.get_by_role("menuitem", name="Mia Ruiz").first
    expect(found).to_be_visible()
    if by == "mouse":
        found.click()
    else:
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Mia Ruiz")).to_be_visible()
    # 5 complete a task
    hands.open_tab("Tasks")
    hands.press(page.get_by_role("listitem").filter(has_text="Call the school").get_by_role("button", name="Complete"))
    hands.press(dialog(page).get_by_role("button", name="Complete"))
    expect(dialog(page)).to_have_count(0)
    # 6 log a call
    hands.press(page.get_by_role("button", name="Log a call"))
    hands.type_into(dialog(page).get_by_label("Notes"), "Wants braces")
    hands.press(dialog(page).get_by_role("button", name="Log a call"))
    expect(page.get_by_text("The call is logged")).to_be_visible()
    # 7 move the lead to another stage
    hands.choose(page.get_by_role("button", name="Move to…"), "Consultation Scheduled")
    expect(page.get_by_text("Moved to Consultation Scheduled.")).to_be_visible()
    # 8 assign it
    hands.choose(page.get_by_role("button", name="Assign…"), "clinic_admin")
    expect(page.get_by_text("Assigned to clinic_admin")).to_be_visible()
    # 9 cancel a planned step
    hands.open_tab("Automation")
    hands.choose(page.get_by_role("button", name="Change the step later"), "Cancel this step")
    expect(page.get_by_text("The step is cancelled.")).to_be_visible()
    # 10 plan a task for many leads
    hands.press(page.get_by_role("link", name="Leads", exact=True))
    hands.check(page.get_by_role("checkbox", name="Select all shown"))
    hands.press(page.get_by_role("button", name="Plan a task"))
    hands.type_into(dialog(page).get_by_label("Title"), "Open day")
    hands.press(dialog(page).get_by_role("button", name=re.compile("A task for")))
    expect(page.get_by_text(re.compile("tasks are being planned"))).to_be_visible()

    lead = desk.admin.get(f"/api/leads/{first}").body
    assert (lead["pipeline_stage"], lead["assigned_to_id"]) == ("consultation_scheduled", desk.admin.id)
    tasks = {one["title"]: one["status"] for one in desk.admin.every(f"/api/leads/{first}/tasks")}
    assert tasks["Call the school"] == "COMPLETED"


def test_task_is_cancelled_with_a_reason_that_the_clinic_lists(browsing: Browsing, desk: Desk):
    desk.admin.patch("/api/settings/task-cancellation", {"is_required": True, "reasons": ["Moved away"]})
    lead = overdue_task(desk, "Call the school")
    overdue_task(desk, "Call the bank", first_name="Zoe", phone="+12125550151")
    page = browsing.sign_in(desk.coordinator, "/")
    expect(page.get_by_role("article", name="Call the school")).to_be_visible()
    page.keyboard.press("x")
    cancel = dialog(page).get_by_role("button", name="Cancel task")
    cancel.click()
    expect(dialog(page)).to_have_count(1)  # the browser asks for the reason
    dialog(page).get_by_label("Reason").select_option("Moved away")
    cancel.click()
    expect(page.get_by_text("Cancelled: Call the school")).to_be_visible()
    expect(page.get_by_role("article", name="Call the bank")).to_be_visible()
    page.get_by_role("article").get_by_role("button", name="Cancel task").click()
    dialog(page).get_by_label("Reason").select_option("Another reason")
    dialog(page).get_by_label("In your own words").fill("Called them myself")
    cancel.click()
    expect(page.get_by_text("Cancelled: Call the bank")).to_be_visible()
    tasks = desk.admin.every("/api/followups", status="CANCELLED")
    assert {one["cancelled_reason"] for one in tasks} == {"Moved away", "Called them myself"}
    assert desk.admin.every(f"/api/leads/{lead}/tasks")[0]["status"] == "CANCELLED"


def test_card_is_dragged_with_the_keyboard(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    page = browsing.sign_in(desk.coordinator, "/board")
    hands, grip = Hands(page, "keyboard"), page.get_by_role("button", name="Drag Ana Ruiz")
    hands.reach(page.get_by_role("row", name="Ana Ruiz"))
    hands.reach(grip, "ArrowRight")  # a list is one stop of Tab
    page.keyboard.press("Enter")
    target = page.get_by_role("grid", name="Contacted")
    for _ in range(12):
        if target.evaluate("grid => grid.contains(document.activeElement)"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ana Ruiz: moved to Contacted.")).to_be_visible()
    assert desk.lead(lead)["pipeline_stage"] == "contacted"


# --- failing and slow answers ---


def test_twentieth_of_all_answers_fails_or_is_slow_and_nothing_is_lost_or_doubled(browsing: Browsing, desk: Desk):
    for at in range(6):
        overdue_task(desk, f"Task {at}", first_name=f"Lead{at}", phone=f"+121255502{at:02}")
    luck, failures = random.Random(7), []
    page = browsing.visit()

    def answer(route: Route) -> None:
        url, chance = route.request.url, luck.random()
        if "/auth/" in url or "/stream" in url or chance >= 0.05:
            return route.continue_()
        failures.append(url)
        if chance < 0.02:
            return route.fulfill(status=503, json={"title": "Busy", "status": 503})
        if chance < 0.04 and route.request.method == "POST":
            route.fetch()  # it is done, and its answer lost
            return route.abort()
        time.sleep(0.3)
        return route.continue_()

    page.route("**/api/**", answer)
    browsing.sign_in(desk.coordinator, page=page)
    for path in ("/leads", "/board", "/inbox", "/today") * 4:
        page.goto(path)
        expect(page.locator("#content h1").first).to_be_visible()
        expect(page.locator("#content .skeleton")).to_have_count(0)
        expect(page.locator("#content").get_by_role("alert")).to_have_count(0)
    for _ in range(6):
        before = page.get_by_role("article").get_attribute("aria-label")
        page.keyboard.press("e")
        submit = dialog(page).get_by_role("button", name="Complete")
        submit.click()
        failed = dialog(page).get_by_role("alert")
        while dialog(page).count():
            if failed.count():  # it is done again, as a user would
                with suppress(Error):  # the dialog closed in this moment
                    submit.click(timeout=2000)
            page.wait_for_timeout(200)
        expect(dialog(page)).to_have_count(0)
        expect(page.get_by_role("article", name=before or "")).to_have_count(0)
    page.unroute_all(behavior="ignoreErrors")
    assert len(failures) >= 5
    done = desk.sql("SELECT status FROM lead_tasks WHERE title LIKE 'Task %'")
    assert [row.status for row in done] == ["COMPLETED"] * 6


def test_note_is_written_once_although_its_answer_is_lost(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    calls: list[str] = []

    def lose_first(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        calls.append(route.request.headers["idempotency-key"])
        if len(calls) > 1:
            return route.continue_()
        route.fetch()
        return route.abort()

    page.route("**/activities", lose_first)
    page.get_by_role("button", name="Add a note").click()
    dialog(page).get_by_label("Notes").fill("Only once")
    dialog(page).get_by_role("button", name="Save").click()
    expect(dialog(page).get_by_role("alert")).to_be_visible()
    dialog(page).get_by_role("button", name="Save").click()
    expect(dialog(page)).to_have_count(0)
    assert len(calls) == 2
    assert len(set(calls)) == 1
    assert [entry["notes"] for entry in desk.timeline(lead) if entry["type"] == "NOTE"] == ["Only once"]


# --- several tabs and roles ---


@pytest.mark.parametrize("is_live", [True, False])
def test_two_tabs_edit_one_lead_and_nothing_is_lost(browsing: Browsing, desk: Desk, is_live: bool):
    lead = desk.capture()
    one = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    other = browsing.tab(one, f"/leads/{lead['id']}")  # signed in with the same cookie
    if not is_live:
        other.route("**/api/stream", lambda route: route.abort())
        other.reload()
    for page in (one, other):
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name="Edit").click()
    dialog(one).get_by_label("Last name", exact=True).fill("Berger")
    dialog(one).get_by_role("button", name="Save").click()
    expect(one.get_by_role("heading", name="Ana Berger")).to_be_visible()
    if is_live:
        expect(other.locator("h1")).to_have_text("Ana Berger")  # behind the dialog
    dialog(other).get_by_label("First name", exact=True).fill("Anna")
    dialog(other).get_by_role("button", name="Save").click()
    expect(dialog(other).get_by_role("alert")).to_contain_text("Somebody else has changed this lead")
    dialog(other).get_by_role("button", name="Save").click()
    for page in (one, other):
        expect(page.get_by_role("heading", name="Anna Berger")).to_be_visible()


PAGES_OF = {
    Role.CLINIC_ADMIN: {"Today", "Board", "Leads", "Messages", "Operations", "Numbers"},
    Role.TREATMENT_COORDINATOR: {"Today", "Board", "Leads"},
    Role.FRONT_DESK: {"Today", "Board", "Leads"},
    Role.DOCTOR: {"Today", "Board", "Leads", "Numbers"},
    Role.MARKETING_MANAGER: {"Today", "Board", "Leads", "Numbers"},
    Role.MANAGER: {"Today", "Board", "Leads", "Numbers"},
    Role.DISPATCHER: {"Today", "Board", "Leads"},
    Role.SALES: {"Today", "Board", "Leads"},
}
MAY_NOT_SEE = {"Messages", "Operations", "Numbers"}


@pytest.mark.parametrize("role", PAGES_OF)
def test_every_role_sees_its_own_pages_and_leads(browsing: Browsing, desk: Desk, role: Role):
    user = desk.hire(role)
    takes_leads = role not in (Role.DOCTOR, Role.MARKETING_MANAGER, Role.DISPATCHER)
    desk.capture(first_name="Own", assigned_to_id=user.id if takes_leads else desk.coordinator.id)
    desk.capture(first_name="Foreign", phone="+12125550188", assigned_to_id=desk.admin.id)
    page = browsing.sign_in(user, "/leads")
    expect(page.get_by_role("link", name="Own Ruiz")).to_be_visible()
    sees_all = role not in (Role.SALES, Role.MANAGER)
    expect(page.get_by_role("link", name="Foreign Ruiz")).to_have_count(int(sees_all))
    shown = set(page.get_by_role("navigation", name="Pages").get_by_role("link").all_inner_texts())
    assert PAGES_OF[role] <= shown
    assert not (MAY_NOT_SEE - PAGES_OF[role]) & shown
