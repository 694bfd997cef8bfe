"""The morning of a coordinator: one task after the other, new leads with their source, and what follows for them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.clock import now
from tests.support.browser import Browsing
from tests.support.desk import Desk
from tests.support.hands import Hands

PHONE = {"width": 375, "height": 700}
# The page scrolls to its end as soon as a toast is shown. `gap`: pixels between the details and the toast.
MEASURE_AT_TOAST = """() => {
  window.gap = new Promise(done => {
    const look = () => {
      const toast = document.querySelector(".toast");
      if (!toast) return requestAnimationFrame(look);
      scrollTo(0, document.body.scrollHeight);
      done(toast.getBoundingClientRect().top - document.querySelector(".facts").getBoundingClientRect().bottom);
    };
    look();
  });
}"""


def dialog(page: Page):
    return page.get_by_role("dialog")


def tasks_of_leads(desk: Desk, *names: str) -> None:
    """Plan a task with the same title for each of these new leads, all overdue, in this order."""
    for hours, name in enumerate(reversed(names), 1):
        lead = desk.capture(first_name=name, phone=f"+1212555{hours:04}", assigned_to_id=desk.coordinator.id)
        overdue_task(desk, lead, "Ask again", hours)


def overdue_task(desk: Desk, lead: dict[str, Any], title: str, hours: int) -> None:
    """Plan a task that was due some hours ago. The tasks that rules create are due later."""
    task = desk.plan(lead, title=title, assigned_to_id=desk.coordinator.id)
    due = now() - timedelta(hours=hours)
    desk.sql("UPDATE lead_tasks SET due_at = :due WHERE id = :id", due=due, id=task["id"])


def open_task(page: Page, name: str) -> Any:
    """Return the pane of the open task, once it shows the lead of this name."""
    pane = page.get_by_role("article", name="Ask again")
    expect(pane.get_by_role("link", name=f"{name} Ruiz")).to_be_visible()
    return pane


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_next_task_opens_after_each_act_and_keeps_the_focus(browsing: Browsing, desk: Desk, by: str):
    tasks_of_leads(desk, "Ada", "Bea", "Cleo")
    page = browsing.sign_in(desk.coordinator)
    hands = Hands(page, by)

    snooze = open_task(page, "Ada").get_by_role("button", name="Snooze")
    hands.press(snooze)
    expect(dialog(page)).to_have_accessible_name("Snooze: Ask again, Ada Ruiz")
    hands.press(dialog(page).get_by_role("button", name="Tomorrow, same time"))
    open_task(page, "Bea")  # although the snoozed task is still in the list
    expect(snooze).to_be_focused()

    complete = open_task(page, "Bea").get_by_role("button", name="Complete")
    hands.press(complete)
    hands.press(dialog(page).get_by_role("button", name="Complete"))
    expect(page.get_by_text("Completed: Ask again, Bea Ruiz")).to_be_visible()
    open_task(page, "Cleo")
    expect(complete).to_be_focused()

    hands.press(open_task(page, "Cleo").get_by_role("button", name="Log a call"))
    expect(dialog(page)).to_contain_text("The call completes the task, whatever its outcome.")
    hands.press(dialog(page).get_by_role("button", name="Log a call"))
    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Cleo Ruiz .*Ask again"))).to_have_count(0)


def test_task_on_a_phone_takes_the_focus_and_gives_it_back(browsing: Browsing, desk: Desk):
    tasks_of_leads(desk, "Ada", "Bea")
    page = browsing.sign_in(desk.coordinator, viewport=PHONE)
    entry = page.get_by_role("button", name=re.compile("Bea Ruiz .*Ask again"))
    entry.focus()
    page.keyboard.press("Enter")
    expect(open_task(page, "Bea")).to_be_focused()
    page.get_by_role("button", name="My tasks").press("Enter")
    expect(entry).to_be_focused()


def test_quick_entry_asks_for_the_source_and_remembers_it(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    for first, phone in (("Zoe", "2125550177"), ("Yan", "2125550178")):
        page.get_by_role("banner").get_by_role("button", name="New lead").click()
        for label, words in (("First name", first), ("Last name", "Lang"), ("Phone number", phone)):
            dialog(page).get_by_label(label).fill(words)
        source = dialog(page).get_by_label("Source")
        if first == "Zoe":
            expect(source).to_have_value("")
            dialog(page).get_by_role("button", name="Create").click()
            expect(source).to_be_focused()
            source.select_option("Walk-in")
        dialog(page).get_by_role("button", name="Create").click()
        expect(page.get_by_role("heading", name=f"{first} Lang", level=1)).to_be_visible()
        expect(page.get_by_role("region", name="Details")).to_contain_text("Walk-in")


def test_timeline_of_a_new_lead_names_its_source_and_planned_tasks(browsing: Browsing, desk: Desk):
    lead = desk.capture(first_name="Zoe", assigned_to_id=desk.coordinator.id)
    overdue_task(desk, lead, "Send the price list", 1)
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}")
    timeline = page.get_by_role("tabpanel", name="Timeline")
    expect(timeline).to_contain_text("Lead created")
    upcoming = timeline.get_by_role("region", name="Still to come")
    upcoming.get_by_role("button", name="Send the price list").click()
    expect(page.get_by_role("tabpanel", name="Tasks")).to_contain_text("Send the price list")


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE], ids=["screen", "phone"])
def test_end_of_a_page_can_be_read_beside_a_toast(browsing: Browsing, desk: Desk, viewport: dict[str, int]):
    lead = desk.capture(notes="Wants braces. " * 60)
    page = browsing.sign_in(desk.coordinator, f"/leads/{lead['id']}", viewport=viewport)
    page.get_by_role("button", name="Add a note").click()
    dialog(page).get_by_label("Notes").fill("Prefers mornings")
    page.evaluate(MEASURE_AT_TOAST)
    dialog(page).get_by_role("button", name="Save").click()
    assert page.evaluate("gap") > 0
