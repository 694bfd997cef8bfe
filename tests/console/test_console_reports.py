"""The console in a browser: saved reports with their figures, files and e-mails."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.accessibility import faults
from tests.support.browser import Browsing
from tests.support.desk import Desk

SAVED = "/api/leads/analytics/saved-reports"
NAME = "<script>window.hacked=1</script>"


def dialog(page: Page):
    return page.get_by_role("dialog")


def saved(desk: Desk, **more: Any) -> dict[str, Any]:
    weekly = {"every": "week", "weekday": "monday", "at": "07:30", "recipients": [desk.admin.id]}
    given = {"name": "The week", "report": "total-leads", "parameters": {"period": "this_week"}, "schedule": weekly}
    made = desk.admin.post(SAVED, {**given, **more})
    assert made.status == 201, made.body
    return dict(made.body)


def test_report_is_created_with_a_schedule(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/reports")
    page.get_by_role("button", name="New report").click()
    dialog(page).get_by_label("Name", exact=True).fill(NAME)
    dialog(page).get_by_label("Report", exact=True).select_option(label="Marketing ROI")
    dialog(page).get_by_label("Period", exact=True).select_option("last_month")
    dialog(page).get_by_label("In use").check()
    dialog(page).get_by_label("Every").select_option("month")
    dialog(page).get_by_label("Day of the month").fill("3")
    dialog(page).get_by_label("Time", exact=True).fill("07:15")
    dialog(page).get_by_label(desk.admin.actor.name).check()
    dialog(page).get_by_role("button", name="Create").click()
    expect(page.get_by_role("row", name="Each month on day 3 at 07:15")).to_be_visible()
    [made] = desk.admin.every(SAVED)
    assert (made["name"], made["report"], made["parameters"]["period"]) == (NAME, "marketing-roi", "last_month")
    assert made["schedule"] == {
        "every": "month",
        "day": 3,
        "weekday": None,
        "at": "07:15",
        "attach": None,
        "recipients": [desk.admin.id],
        "is_paused": False,
    }
    assert page.evaluate("window.hacked") is None


def test_report_is_shown_and_saved_as_a_file(browsing: Browsing, desk: Desk):
    desk.capture()
    saved(desk)
    page = browsing.sign_in(desk.admin, "/reports")
    page.get_by_role("button", name="Open The week").click()
    expect(dialog(page).get_by_role("columnheader", name="Total leads")).to_be_visible()
    expect(dialog(page).get_by_role("cell", name="1", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    files = {"Save as CSV": "csv", "Save as Excel (XLSX)": "xlsx", "Save as a page that prints": "html"}
    for label, suffix in files.items():
        page.get_by_role("button", name="More for The week").click()
        with page.expect_download() as file:
            page.get_by_role("menuitem", name=label).click()
        assert file.value.suggested_filename == f"The week.{suffix}"
        assert Path(file.value.path()).stat().st_size > 100


def test_report_is_paused_edited_and_deleted(browsing: Browsing, desk: Desk):
    saved(desk)
    page = browsing.sign_in(desk.admin, "/reports")
    expect(page.get_by_role("row", name="Each Monday at 07:30")).to_contain_text("Not yet")
    page.get_by_role("button", name="More for The week").click()
    page.get_by_role("menuitem", name="Pause the e-mails").click()
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    page.get_by_role("button", name="More for The week").click()
    page.get_by_role("menuitem", name="Edit").click()
    dialog(page).get_by_label("Name", exact=True).fill("My week")
    dialog(page).get_by_label("Weekday").select_option("friday")
    dialog(page).get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="Each Friday at 07:30")).to_be_visible()
    [stored] = desk.admin.every(SAVED)
    assert (stored["name"], stored["schedule"]["is_paused"]) == ("My week", True)
    page.get_by_role("button", name="More for My week").click()
    page.get_by_role("menuitem", name="Delete").click()
    dialog(page).get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No saved reports yet.")).to_be_visible()
    assert desk.admin.every(SAVED) == []


def test_shared_report_of_another_user_cannot_be_changed(browsing: Browsing, desk: Desk):
    saved(desk, shared=True)
    page = browsing.sign_in(desk.doctor, "/reports")
    page.get_by_role("button", name="More for The week").click()
    expect(page.get_by_role("menuitem", name="Save as CSV")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Edit")).to_have_count(0)
    expect(page.get_by_role("menuitem", name="Delete")).to_have_count(0)


def test_reports_and_their_form_are_accessible(browsing: Browsing, desk: Desk):
    saved(desk)
    page = browsing.sign_in(desk.admin, "/reports")
    expect(page.get_by_role("button", name="Open The week")).to_be_visible()
    found = faults(page, "reports")
    page.get_by_role("button", name="More for The week").click()
    page.get_by_role("menuitem", name="Edit").click()
    expect(dialog(page).get_by_label("Weekday")).to_be_visible()
    found += faults(page, "form")
    assert found == []
