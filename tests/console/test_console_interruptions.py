"""The console when something comes between: an ended sign-in, a slip of the hand, another user in another tab."""

import re

from playwright.sync_api import Page, expect

from tests.support.browser import PASSWORD, Browsing
from tests.support.desk import Desk


def dialog(page: Page, name: str):
    return page.get_by_role("dialog", name=name)


def end_sign_ins(desk: Desk, page: Page) -> None:
    """Let the API refuse the access token once, and the cookie for good."""
    desk.sql("UPDATE sign_ins SET revoked_at = now()")
    page.route(re.compile("/api/leads$"), lambda route: route.fulfill(status=401, body="{}"), times=1)


def type_lead(page: Page) -> None:
    page.get_by_role("banner").get_by_role("button", name="New lead").click()
    dialog(page, "New lead").get_by_label("First name").fill("Nora")
    dialog(page, "New lead").get_by_label("Last name").fill("Lind")
    with page.expect_response("**/api/leads/check"):
        dialog(page, "New lead").get_by_label("Phone").fill("+12125550777")
    dialog(page, "New lead").get_by_label("Source").select_option("Other")


def test_form_goes_on_after_its_sign_in_has_ended(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    type_lead(page)
    end_sign_ins(desk, page)
    dialog(page, "New lead").get_by_role("button", name="Create").click()
    again = dialog(page, "Sign in again")
    expect(again).to_contain_text("with everything that you typed")
    page.keyboard.press("Escape")
    again.get_by_label("Password").fill("wrong umbrellas")
    again.get_by_role("button", name="Sign in").click()
    expect(again.get_by_role("alert")).to_contain_text("E-mail address or password is wrong.")
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Nora Lind", level=1)).to_be_visible()
    assert len(desk.admin.get("/api/leads").body["items"]) == 1


def test_user_of_two_clinics_chooses_one(browsing: Browsing, desk: Desk, other_desk: Desk):
    email = browsing.email_of(desk.coordinator)
    browsing.email_of(other_desk.coordinator)
    desk.sql("UPDATE users SET email = :email WHERE id = :id", email=email, id=other_desk.coordinator.id)
    desk.sql("UPDATE clinics SET name = 'Clinic by the lake' WHERE id = :id", id=other_desk.clinic_id)
    other_desk.capture(first_name="Ottilie", phone="+12125550143")
    page = browsing.visit("/leads")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    choice = page.get_by_role("group", name="Choose one")
    choice.get_by_role("button", name="Clinic by the lake").click()
    expect(page.get_by_role("link", name="Ottilie Ruiz")).to_be_visible()


def test_page_can_be_left_after_its_sign_in_has_ended(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    type_lead(page)
    end_sign_ins(desk, page)
    dialog(page, "New lead").get_by_role("button", name="Create").click()
    dialog(page, "Sign in again").get_by_role("button", name="Leave the page and sign out").click()
    expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_page_is_forgotten_one_hour_after_its_sign_in_has_ended(browsing: Browsing, desk: Desk):
    desk.capture(first_name="Mia")
    page = browsing.sign_in(desk.coordinator, "/leads")
    expect(page.get_by_role("link", name="Mia Ruiz")).to_be_visible()
    page.clock.install()
    type_lead(page)
    end_sign_ins(desk, page)
    dialog(page, "New lead").get_by_role("button", name="Create").click()
    expect(dialog(page, "Sign in again")).to_be_visible()
    page.clock.fast_forward("59:00")
    expect(dialog(page, "Sign in again")).to_be_visible()
    page.clock.fast_forward("01:01")
    expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()
    expect(page.get_by_text("Mia Ruiz")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_sign_in_as_another_user_restarts_other_tabs(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    other = browsing.tab(page, "/")
    other.get_by_role("button", name="My account").click()
    other.get_by_role("menuitem", name="Sign out").click()
    expect(other.get_by_role("heading", name="Sign in", level=1)).to_be_visible()
    browsing.sign_in(desk.admin, page=other)
    page.route(re.compile("/api/"), lambda route: route.fulfill(status=401, body="{}"), times=1)
    page.get_by_role("link", name="Leads", exact=True).click()
    expect(page.get_by_role("link", name="Operations")).to_be_visible()


def test_click_beside_a_dialog_keeps_typed_text(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    page.get_by_role("button", name="New lead").click()
    expect(dialog(page, "New lead")).to_be_visible()
    page.mouse.click(10, 10)
    expect(dialog(page, "New lead")).to_have_count(0)
    type_lead(page)
    page.mouse.click(10, 10)
    expect(dialog(page, "New lead").get_by_label("First name")).to_have_value("Nora")


def test_escape_asks_before_typed_text_is_lost(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    type_lead(page)
    page.once("dialog", lambda question: question.dismiss())
    page.keyboard.press("Escape")
    expect(dialog(page, "New lead").get_by_label("First name")).to_have_value("Nora")
    page.once("dialog", lambda question: question.accept())
    page.keyboard.press("Escape")
    expect(dialog(page, "New lead")).to_have_count(0)


def test_back_button_asks_before_typed_text_is_lost(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    page.get_by_role("link", name="Leads", exact=True).click()
    expect(page.get_by_role("heading", name="Leads", level=1)).to_be_visible()
    type_lead(page)
    answers, asked = iter(["dismiss", "accept"]), []
    page.on("dialog", lambda question: (asked.append(question.message), getattr(question, next(answers))()))
    page.evaluate("history.back()")
    expect(dialog(page, "New lead").get_by_label("First name")).to_have_value("Nora")
    expect(page.get_by_role("heading", name="Leads", level=1, include_hidden=True)).to_be_attached()
    page.evaluate("history.back()")
    expect(dialog(page, "New lead")).to_have_count(0)
    expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()
    assert asked == ["Close without saving? What you typed is lost."] * 2


def test_dialogs_of_today_name_the_lead_and_offer_templates(browsing: Browsing, desk: Desk):
    variants = [{"subject": "Hello", "body": "Hello {{ lead.first_name }}"}]
    desk.admin.post("/api/message-templates", {"slug": "which-day", "name": "Which day", "variants": variants})
    desk.plan(
        desk.capture(assigned_to_id=desk.coordinator.id, email="ana@lead.example"), assigned_to_id=desk.coordinator.id
    )
    page = browsing.sign_in(desk.coordinator)
    page.get_by_role("button", name="Log a call").click()
    dialog(page, "Log a call: Ana Ruiz").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Write a message").click()
    form = dialog(page, "Write a message: Ana Ruiz")
    form.get_by_label("Channel", exact=True).select_option("sms")
    expect(form.get_by_label("Subject")).to_have_count(0)
    form.get_by_label("Channel").select_option("email")
    form.get_by_label("Begin with a template").select_option(label="Which day")
    expect(form.get_by_label("Message", exact=True)).to_have_value("Hello Ana")
    form.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The message is on its way.")).to_be_visible()
    expect(form).to_have_count(0)


def test_failed_and_missing_answers_keep_typed_text(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.coordinator)
    type_lead(page)
    form, send = dialog(page, "New lead"), dialog(page, "New lead").get_by_role("button", name="Create")
    body = '{"status": 500, "title": "Internal error", "request_id": "r-1"}'
    page.route(re.compile("/api/leads$"), lambda route: route.fulfill(status=500, body=body), times=1)
    send.click()
    expect(form.get_by_role("alert")).to_contain_text("For the operator: request r-1")
    page.context.set_offline(True)
    send.click()
    expect(form.get_by_role("alert")).to_contain_text("No connection to the server.")
    expect(form.get_by_label("First name")).to_have_value("Nora")
    page.context.set_offline(False)
    send.click()
    expect(page.get_by_role("heading", name="Nora Lind", level=1)).to_be_visible()
    assert len(desk.admin.get("/api/leads").body["items"]) == 1


# --- import ---


def choose(page: Page, name: str, content: bytes) -> None:
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})


def test_import_names_the_mistake_at_its_field(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/import")
    choose(page, "leads.pdf", b"%PDF-1.4")
    expect(page.get_by_role("alert")).to_contain_text("leads.pdf is neither CSV nor Excel (XLSX).")
    choose(page, "leads.csv", b"Full name,Phone\nNora Lind,+12125550777\n")
    page.get_by_role("button", name="Check the rows").click()
    source = page.get_by_label("Source, if the row names none")
    expect(source).to_have_attribute("aria-invalid", "true")
    expect(source).to_have_accessible_description("Give the source of these leads, or map a column to source.")


def test_reload_keeps_the_result_of_an_import(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/import")
    choose(page, "leads.csv", b"Full name,Phone,Source\nNora Lind,+12125550777,Website\nN. Lind,+12125550777,Website\n")
    page.get_by_label("Source, if the row names none").select_option(index=1)
    page.get_by_label("Field of the lead: Source").select_option("")
    page.get_by_role("button", name="Check the rows").click()
    expect(page.get_by_role("button", name="Import 1 lead")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Field of the lead: Source")).to_have_value("")
    page.get_by_role("button", name="Import 1 lead").click()
    page.get_by_role("dialog").get_by_role("button", name="Import now").click()
    expect(page.get_by_text("1 rows are imported, 0 are not.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("1 rows are imported, 0 are not.")).to_be_visible()
    expect(page.get_by_text("1 rows are duplicates")).to_be_visible()


def test_form_hints_are_written_for_users(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.admin, "/settings/people")
    page.get_by_role("button", name="New user").click()
    expect(dialog(page, "New user").get_by_label("Role")).to_be_visible()
    expect(dialog(page, "New user")).not_to_contain_text("/api/")
    browsing.open(page, "/settings/accounts")
    page.get_by_role("button", name="New sending account").click()
    expect(dialog(page, "New sending account")).to_contain_text("empty: unlimited")
