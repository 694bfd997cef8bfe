"""Numbers and saved views in a browser: figures open into their leads, and views are kept."""

import csv
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from app.identity.models import Role
from tests.support.accessibility import faults
from tests.support.browser import Browsing
from tests.support.desk import Desk


def dialog(page: Page):
    return page.get_by_role("dialog")


def captured(desk: Desk, number: int) -> list[str]:
    """Create leads; every second one is contacted, and the first one is lost. Return their ids."""
    ids = []
    for at in range(number):
        lead = desk.capture(first_name=f"Lead{at}", phone=f"+121255503{at:02}", lead_value="1000")
        ids.append(lead["id"])
        if at % 2 == 0:
            assert desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"}).status == 200
    assert desk.admin.post(f"/api/leads/{ids[0]}/lost", {"reason": "COST_FINANCIAL"}).status == 200
    return ids


def test_campaigns_open_into_their_leads(browsing: Browsing, desk: Desk):
    captured(desk, 2)
    page = browsing.sign_in(desk.admin, "/numbers")
    campaigns = page.get_by_role("region", name="Campaigns")
    expect(campaigns).to_contain_text("No lead of this period has a campaign.")
    desk.capture(first_name="Spring", phone="+12125550390", source_campaign="spring & fall")
    page.reload()
    campaigns.get_by_role("row", name="spring & fall").get_by_role("link").first.click()
    expect(page.get_by_text("1 lead", exact=True)).to_be_visible()
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Campaign: spring & fall")


def test_leads_of_a_list_are_exported_as_a_file(browsing: Browsing, desk: Desk, tmp_path: Path):
    captured(desk, 3)
    page = browsing.sign_in(desk.admin, "/leads?stage=contacted&sort=created_at")
    with page.expect_download() as file:
        page.get_by_role("button", name="Export as CSV").click()
    file.value.save_as(tmp_path / "leads.csv")
    rows = list(csv.DictReader((tmp_path / "leads.csv").open(encoding="utf-8-sig")))
    assert [row["first_name"] for row in rows] == ["Lead2"]  # the first one is lost


def test_exported_file_has_the_leads_and_the_order_of_a_sorted_list(browsing: Browsing, desk: Desk, tmp_path: Path):
    for name, value in (("Low", "100"), ("None", None), ("High", "900")):
        desk.capture(first_name=name, phone=None, email=f"{name}@lead.example", lead_value=value)
    page = browsing.sign_in(desk.admin, "/leads?sort=-lead_value")
    with page.expect_download() as file:
        page.get_by_role("button", name="Export as CSV").click()
    file.value.save_as(tmp_path / "leads.csv")
    rows = list(csv.DictReader((tmp_path / "leads.csv").open(encoding="utf-8-sig")))
    assert [row["first_name"] for row in rows] == ["High", "Low"]


def test_every_figure_opens_into_exactly_its_leads(browsing: Browsing, desk: Desk):
    captured(desk, 6)
    page = browsing.sign_in(desk.admin, "/numbers")
    funnel = page.get_by_role("region", name="Funnel")
    reached = funnel.get_by_role("row", name="Contacted").get_by_role("link").first
    expect(reached).to_have_text("3")
    reached.click()
    expect(page.get_by_role("heading", name="Leads", level=1)).to_be_visible()
    expect(page.get_by_text("3 leads", exact=True)).to_be_visible()
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Reached stage: Contacted")
    expect(page.get_by_role("row", name=re.compile("Lead[024] Ruiz"))).to_have_count(3)
    page.get_by_role("button", name="Remove the filter Reached stage").click()
    expect(page.get_by_text("6 leads", exact=True)).to_be_visible()


def test_numbers_show_definitions_comparison_and_reasons_in_words(browsing: Browsing, desk: Desk):
    captured(desk, 4)
    page = browsing.sign_in(desk.admin, "/numbers")
    summary = page.get_by_role("region", name="Summary")
    summary.get_by_text("How it is counted").click()
    expect(summary).to_contain_text("Leads created in the period.")
    page.get_by_label("Compare with").select_option("The days before")
    expect(summary).to_contain_text("before: 0")
    expect(page.get_by_role("region", name="Reasons of losses")).to_contain_text("Cost")
    assert "compare=previous_period" in page.url


def test_numbers_are_exported_as_a_file_without_formulas(browsing: Browsing, desk: Desk, tmp_path: Path):
    source = {"name": "=1+1", "category": "OTHER"}
    made = desk.admin.post("/api/lead-sources", source)
    desk.capture(source_id=made.body["id"])
    page = browsing.sign_in(desk.admin, "/numbers")
    expect(page.get_by_role("region", name="Sources").get_by_role("row", name="=1+1")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    download.value.save_as(tmp_path / "numbers.csv")
    rows = list(csv.reader((tmp_path / "numbers.csv").read_text("utf-8-sig").splitlines()))
    assert ["Summary"] in rows
    assert [row[:2] for row in rows if row and row[0].endswith("=1+1")] == [["'=1+1", "1"]]


def test_doctors_see_numbers_and_coordinators_do_not(browsing: Browsing, desk: Desk):
    page = browsing.sign_in(desk.doctor, "/numbers")
    expect(page.get_by_role("region", name="Summary")).to_be_visible()
    other = browsing.sign_in(desk.coordinator)
    expect(other.get_by_role("link", name="Numbers")).to_have_count(0)


def test_team_manager_counts_own_leads_only(browsing: Browsing, desk: Desk):
    manager = desk.hire(Role.MANAGER)
    desk.capture(assigned_to_id=desk.coordinator.id)
    desk.capture(phone="+12125550188", assigned_to_id=manager.id)
    page = browsing.sign_in(manager, "/numbers")
    expect(page.get_by_role("region", name="Summary").get_by_role("link", name="1", exact=True).first).to_be_visible()


def test_view_of_leads_is_saved_chosen_and_deleted_by_keyboard(browsing: Browsing, desk: Desk):
    captured(desk, 4)
    page = browsing.sign_in(desk.coordinator, "/leads?stage=contacted")
    expect(page.get_by_text("1 lead", exact=True)).to_be_visible()
    page.get_by_role("button", name="My views").focus()
    for key in ("Enter", "End", "Enter"):
        page.keyboard.press(key)
    page.keyboard.type("Warm")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Warm is saved.")).to_be_visible()
    [view] = desk.admin.every("/api/leads/views")
    assert (view["filters"], view["shared"]) == ({"stage": "contacted"}, True)

    browsing.open(page, "/leads")
    expect(page.get_by_text("4 leads", exact=True)).to_be_visible()
    page.get_by_role("button", name="My views").click()
    page.get_by_role("menuitem", name="Warm").first.click()
    expect(page.get_by_text("1 lead", exact=True)).to_be_visible()
    page.get_by_role("button", name="My views").click()
    page.get_by_role("menuitem", name="Delete Warm").click()
    expect(page.get_by_text("Warm is deleted.")).to_be_visible()
    assert desk.admin.every("/api/leads/views") == []


def test_chosen_leads_move_to_a_stage_and_refusals_are_shown(browsing: Browsing, desk: Desk):
    ids = captured(desk, 3)
    assert desk.admin.post(f"/api/leads/{ids[2]}/convert", {}).status == 200
    page = browsing.sign_in(desk.coordinator, "/leads")
    page.get_by_role("checkbox", name="Select all shown").check()
    page.get_by_role("toolbar").get_by_role("button", name="Move to…").click()
    expect(dialog(page).get_by_role("heading", name="Move 3 leads to another stage")).to_be_visible()
    dialog(page).get_by_label("Stage").select_option("Consultation Scheduled")
    dialog(page).get_by_role("button", name="Move to").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("1 done, 2 refused.")
    assert desk.admin.get(f"/api/leads/{ids[1]}").body["pipeline_stage"] == "consultation_scheduled"


def test_numbers_and_all_sections_of_a_lead_are_accessible(browsing: Browsing, desk: Desk):
    ids = captured(desk, 4)
    desk.capture(phone="+12125550301")
    page = browsing.sign_in(desk.admin)
    found = []
    for path in ("/numbers?compare=previous_period", "/leads?tag=vip"):
        browsing.open(page, path)
        found += faults(page, path)
    browsing.open(page, f"/leads/{ids[1]}")
    for tab in ("Automation", "History", "Consents"):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator("#content .skeleton")).to_have_count(0)
        found += faults(page, tab)
    assert found == []


def test_markup_in_names_is_shown_as_text(browsing: Browsing, desk: Desk):
    evil = "<img src=x onerror=window.hacked=1>"
    source = desk.admin.post("/api/lead-sources", {"name": evil, "category": "OTHER"}).body
    desk.capture(first_name=evil, source_id=source["id"])
    twin = desk.capture(first_name=f"{evil}2", tags=[evil])
    desk.admin.post("/api/leads/views", {"name": evil, "filters": {"tag": evil}})
    page = browsing.sign_in(desk.admin, "/numbers")
    expect(page.get_by_role("region", name="Sources").get_by_role("row", name=evil)).to_be_visible()
    browsing.open(page, f"/leads?tag={evil}")
    page.get_by_role("button", name="My views").click()
    expect(page.get_by_role("menuitem", name=evil).first).to_be_visible()
    page.keyboard.press("Escape")
    browsing.open(page, f"/leads/{twin['id']}")
    page.get_by_role("button", name="Compare and merge…").click()
    expect(dialog(page)).to_contain_text(evil)
    assert page.evaluate("window.hacked") is None


def test_score_and_forecast_are_those_of_the_api(browsing: Browsing, desk: Desk):
    lead = desk.capture()
    found = desk.admin.get(f"/api/leads/{lead['id']}/score").body
    page = browsing.sign_in(desk.admin, f"/leads/{lead['id']}")
    block = page.get_by_role("region", name="Score")
    expect(block).to_contain_text(f"{found['score']} of 100")
    expect(block.get_by_role("listitem")).to_have_count(len(found["parts"]))
    expect(block).to_contain_text(found["quality"]["words"])
    browsing.open(page, "/numbers")
    expect(page.get_by_role("region", name="Forecast")).to_contain_text("Not enough history")


def test_score_in_the_list_is_that_of_the_lead_with_its_parts(browsing: Browsing, desk: Desk):
    desk.capture(first_name="Plain", phone=None, email="plain@lead.example")
    warm = desk.capture(first_name="Warm", phone="+12125550391")
    at_first = desk.admin.get(f"/api/leads/{warm['id']}/score").body["score"]
    assert desk.admin.patch(f"/api/leads/{warm['id']}", {"score": 85}).status == 200
    page = browsing.sign_in(desk.admin, "/leads?sort=-score&score_from=20")
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_contain_text(["Score", "Warm", "Plain"])
    expect(rows.nth(1).get_by_role("cell", name="85", exact=True)).to_be_visible()
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Score from: 20")
    page.goto(page.url.split("/leads")[0] + f"/leads/{warm['id']}")
    score = page.get_by_role("region", name="Score")
    expect(score).to_contain_text("85 of 100")
    expect(score.get_by_role("listitem").filter(has_text="Changed by a person or a rule")).to_contain_text(
        f"+{85 - at_first}"
    )
