"""Duplicates before they are saved, in a browser: the form of a new lead, and the preview of an import."""

import os
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from app.identity.models import Role
from tests.support.browser import Browsing
from tests.support.desk import Desk

SHOTS = os.environ.get("SHOTS")  # a folder for pictures


def picture(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def form(page: Page):
    return page.get_by_role("dialog", name="New lead")


def start_typing(page: Page, first_name: str, last_name: str, phone: str = "") -> None:
    page.get_by_role("button", name="New lead").first.click()
    form(page).get_by_label("First name").fill(first_name)
    form(page).get_by_label("Last name").fill(last_name)
    form(page).get_by_label("Phone").fill(phone)


def test_form_warns_while_the_user_types_and_saves_anyway(browsing: Browsing, desk: Desk):
    owner = desk.coordinator
    desk.capture(first_name="Ana", last_name="Ruiz")
    page = browsing.sign_in(owner, "/leads")
    start_typing(page, "Ann", "Miller")
    save = form(page).locator("button[type=submit]")
    expect(save).to_have_text("Create")
    form(page).get_by_label("Phone").press_sequentially("212 555 0143")
    warning = form(page).get_by_role("status")
    expect(warning).to_contain_text("Ana Ruiz")
    expect(warning).to_contain_text("New Lead")
    expect(warning).to_contain_text(owner.name if hasattr(owner, "name") else "")
    expect(warning).to_contain_text("same phone number")
    picture(page, "new-lead-1440")
    page.set_viewport_size({"width": 375, "height": 740})
    form(page).get_by_label("Source").select_option("Other")
    expect(warning).to_be_visible()
    picture(page, "new-lead-375")
    expect(save).to_have_text("Save anyway")
    save.click()
    expect(page.get_by_role("heading", name="Ann Miller", level=1)).to_be_visible()


def test_known_lead_is_opened_from_the_form(browsing: Browsing, desk: Desk):
    desk.capture(first_name="Ana", last_name="Ruiz")
    page = browsing.sign_in(desk.coordinator, "/leads")
    start_typing(page, "Ana", "Ruiz")
    form(page).get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", name="Ana Ruiz", level=1)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_late_answer_to_earlier_values_is_dropped(browsing: Browsing, desk: Desk):
    desk.capture(first_name="Ana", last_name="Ruiz")
    page = browsing.sign_in(desk.coordinator, "/leads")
    held: list[Route] = []
    page.route("**/api/leads/check", lambda route: held.append(route) if not held else route.continue_())
    start_typing(page, "Ana", "Ruiz")
    with page.expect_request("**/api/leads/check"):
        pass
    form(page).get_by_label("Last name").fill("Okafor")
    with page.expect_response("**/api/leads/check"):
        pass
    held[0].continue_()
    page.wait_for_timeout(500)
    expect(form(page).get_by_role("status")).to_be_empty()
    expect(form(page).locator("button[type=submit]")).to_have_text("Create")


def test_lead_of_a_colleague_is_counted_without_its_name(browsing: Browsing, desk: Desk):
    desk.capture(first_name="Ana", last_name="Ruiz")
    page = browsing.sign_in(desk.hire(Role.SALES), "/leads")
    start_typing(page, "Ana", "Ruiz", "+1 212 555 0143")
    expect(form(page).get_by_role("status")).to_contain_text("A lead of a colleague has the same phone number")
    expect(form(page).get_by_role("status")).not_to_contain_text("Ana")
    expect(form(page).get_by_role("link", name="Open")).to_have_count(0)


def test_preview_of_an_import_shows_rows_of_one_person(browsing: Browsing, desk: Desk):
    desk.capture(first_name="Eva", last_name="Roth", phone=None, email="eva@lead.example")
    page = browsing.sign_in(desk.admin, "/import")
    content = (
        "First name,Last name,Phone,E-mail,Source\n"
        "Ana,Ruiz,(212) 555-0143,ana.ruiz@gmail.com,Other\n"
        "Ana,Ruiz,+1 212 555 0143,,Other\n"
        "Ana,Ruiz,,AnaRuiz@gmail.com,Other\n"
        "Eva,Roth,,EVA@lead.example,Other\n"
    )
    file = {"name": "fair.csv", "mimeType": "text/csv", "buffer": content.encode()}
    page.get_by_label("Choose a file").set_input_files([file])
    page.get_by_role("button", name="Check the rows").click()
    expect(page.get_by_role("heading", name="Rows of the same person")).to_be_visible()
    expect(page.get_by_text("2 of them repeat the person of an earlier row.")).to_be_visible()
    known = page.get_by_role("table").last
    expect(known.get_by_role("row", name="3 Row 2")).to_be_visible()
    expect(known.get_by_role("row", name="4 Row 2")).to_be_visible()
    expect(known.get_by_role("link", name="An existing lead")).to_be_visible()
    known.scroll_into_view_if_needed()
    picture(page, "import-1440")
    page.set_viewport_size({"width": 375, "height": 740})
    known.scroll_into_view_if_needed()
    picture(page, "import-375")
    expect(page.get_by_role("button", name="Import 1 lead")).to_be_visible()
