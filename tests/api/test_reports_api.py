"""Reports by name, as JSON, CSV, XLSX and printable pages."""

import base64
import csv
import hashlib
import io
import re
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from python_calamine import CalamineWorkbook

from app.analytics.reporting.printing.page import content_security_policy
from app.identity.models import Role
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

BASE = "/api/leads/analytics"
REPORTS = f"{BASE}/reports"
SEVERAL = [
    "lead-summary",
    "conversion-funnel",
    "source-comparison",
    "campaign-comparison",
    "coordinator-leaderboard",
    "lost-lead-analysis",
    "marketing-roi",
]
NINE = [
    "total-leads",
    "conversion-rate",
    "average-time-to-convert",
    "consultation-show-rate",
    "treatment-acceptance-rate",
    "cost-per-lead",
    "cost-per-acquisition",
    "lead-source-mix",
    "coordinator-conversion-rate",
]
SEVEN = ["summary", "funnel", "sources", "coordinators", "lost-reasons", "velocity", "first-contact"]
SCRIPT = "<script>alert(1)</script>"
FORMULA = "=HYPERLINK(1)"


@pytest.fixture
def leads(desk: Desk) -> None:
    """A new, a converted and a lost lead of a source with costs."""
    ids = [desk.capture(phone=f"+1212555014{number}", lead_value="1000.00")["id"] for number in range(3)]
    desk.admin.post(f"/api/leads/{ids[1]}/convert", {})
    desk.admin.post(f"/api/leads/{ids[2]}/lost", {"reason": "NO_RESPONSE"})
    rename(desk, monthly_cost="100.00")


def rename(desk: Desk, **changes: Any) -> None:
    assert desk.admin.patch(f"/api/lead-sources/{desk.source_id}", changes).status == 200


def fetch(caller: Caller, path: str, accept: str = "*/*", **query: Any) -> Any:
    """Return the response of Werkzeug's client."""
    headers = {"Authorization": f"Bearer {caller.token}", "Accept": accept}
    return caller.client.get(path, query_string=query, headers=headers)


def lines_of(answer: Any) -> list[dict[str, str]]:
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


def rounded(value: float | str | None) -> str:
    """Return a number with the digits that a workbook keeps; an empty text without a value."""
    return f"{value:.12g}" if isinstance(value, int | float) else ""


def test_list_names_reports_and_nine_metrics(desk: Desk) -> None:
    listed = desk.admin.get(REPORTS).body["reports"]
    assert [one["name"] for one in listed if one["kind"] == "report"] == SEVERAL
    assert [one["name"] for one in listed if one["kind"] == "metric"] == NINE
    assert all(one["words"] and one["title"] for one in listed)


@pytest.mark.parametrize("name", SEVERAL + NINE)
def test_report_has_the_same_figures_in_every_format(desk: Desk, leads: None, name: str) -> None:
    report = desk.admin.get(f"{REPORTS}/{name}", compare="previous_period", by="month").body
    figures = [
        figure
        for part in (report, *report["buckets"], report["comparison"])
        for row in part["rows"]
        for figure in row["figures"]
    ]
    query = {"compare": "previous_period", "by": "month"}
    lines = lines_of(fetch(desk.admin, f"{REPORTS}/{name}", format="csv", **query))
    assert [line["list"] for line in lines] == [figure["drill"] for figure in figures]
    assert [line["value"] for line in lines] == [
        "" if figure["value"] is None else str(figure["value"]) for figure in figures
    ]
    assert all(line["definition"] for line in lines)

    book = CalamineWorkbook.from_filelike(
        io.BytesIO(fetch(desk.admin, f"{REPORTS}/{name}", format="xlsx", **query).data)
    )
    cells = book.get_sheet_by_name("Figures").to_python()
    assert [rounded(row[5]) for row in cells[1:]] == [rounded(one["value"]) for one in figures]

    page = fetch(desk.admin, f"{REPORTS}/{name}", format="html", **query)
    html = page.get_data(as_text=True)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    for definition in report["definitions"]:
        assert definition["words"].replace("`mature_before`", report["mature_before"]) in html


@pytest.mark.parametrize("name", SEVEN)
def test_endpoints_answer_csv_and_xlsx(desk: Desk, leads: None, name: str) -> None:
    path = f"{BASE}/{name}"
    body = desk.admin.get(path).body
    figures = [figure for row in body["rows"] for figure in row["figures"]]
    assert len(lines_of(fetch(desk.admin, path, accept="text/csv"))) == len(figures)
    answer = fetch(desk.admin, path, format="xlsx")
    names = {"attachment", f'filename="{name}-{body["from"]}.xlsx"'}
    assert set(answer.headers["Content-Disposition"].split("; ")) == names
    report = CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).get_sheet_by_name("Report").to_python()
    assert [row[3] for row in report[2:]] == [row["label"] for row in body["rows"]]
    assert desk.admin.get(path, format="html").status == 422


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("image/png", "application/json"),
        ("text/csv;q=0.5, application/json", "application/json"),
    ],
)
def test_format_is_negotiated(desk: Desk, accept: str, mimetype: str) -> None:
    assert fetch(desk.admin, f"{REPORTS}/total-leads", accept).mimetype == mimetype
    assert fetch(desk.admin, f"{REPORTS}/total-leads", accept, format="csv").mimetype == "text/csv"


def test_page_escapes_texts_and_allows_no_script(desk: Desk, leads: None) -> None:
    rename(desk, name=SCRIPT)
    answer = fetch(desk.admin, f"{REPORTS}/marketing-roi", format="html", by="month")
    html = answer.get_data(as_text=True)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 3  # table, chart, description
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy == content_security_policy()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"\sstyle=|\son\w+=|href=|src=", html)


def test_charts_have_titles_descriptions_and_tables(desk: Desk, leads: None) -> None:
    for name, charts in {"conversion-funnel": 2, "source-comparison": 3, "lead-summary": 2}.items():
        query = {"by": "month"} if name == "source-comparison" else {}
        html = fetch(desk.admin, f"{REPORTS}/{name}", format="html", **query).get_data(as_text=True)
        figures = re.findall(r"<figure>.*?</figure>", html, re.DOTALL)
        assert len(figures) == charts
        for figure in figures:
            svg = ET.fromstring(re.findall(r"<svg.*?</svg>", figure, re.DOTALL)[0])
            title, desc = svg[0], svg[1]
            assert (title.tag.rpartition("}")[2], desc.tag.rpartition("}")[2]) == ("title", "desc")
            assert title.text
            assert desc.text
            assert svg.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
            assert svg.get("role") == "img"
            assert "<table>" in figure


def test_formulas_are_harmless_in_csv_and_text_in_xlsx(desk: Desk, leads: None) -> None:
    rename(desk, name=FORMULA)
    path = f"{REPORTS}/source-comparison"
    assert {line["row"] for line in lines_of(fetch(desk.admin, path, format="csv"))} == {f"'{FORMULA}"}
    book = CalamineWorkbook.from_filelike(io.BytesIO(fetch(desk.admin, path, format="xlsx").data))
    assert {row[3] for row in book.get_sheet_by_name("Figures").to_python()[1:]} == {FORMULA}


def test_return_is_value_minus_spend_over_spend(desk: Desk, leads: None) -> None:
    report = desk.admin.get(f"{REPORTS}/marketing-roi").body
    [row] = [one for one in report["rows"] if one["key"] == desk.source_id]
    figures = {one["metric"]: one["value"] for one in row["figures"]}
    spend = figures["marketing_spend"]
    assert figures["converted_value"] == 1000
    assert figures["return_on_investment"] == pytest.approx((1000 - spend) / spend, abs=0.001)
    rename(desk, monthly_cost=None)
    html = fetch(desk.admin, f"{REPORTS}/marketing-roi", format="html").get_data(as_text=True)
    assert "Return on investment" in html


def test_leaderboard_begins_with_the_best_rate(desk: Desk) -> None:
    for number, name in enumerate(("Meg", "Sam")):
        who = desk.hire(Role.TREATMENT_COORDINATOR, name)
        lead = desk.capture(phone=f"+1212555016{number}", assigned_to_id=who.id)
        if name == "Sam":
            desk.admin.post(f"/api/leads/{lead['id']}/convert", {})
    rows = desk.admin.get(f"{REPORTS}/coordinator-leaderboard", basis="period").body["rows"]
    assert [row["label"] for row in rows] == ["Sam", "Meg"]


@pytest.mark.parametrize(
    ("period", "first", "end"),
    [("last_week", "2026-03-02", "2026-03-09"), ("this_quarter", "2026-01-01", "2026-03-11")],
)
def test_period_may_be_relative(desk: Desk, period: str, first: str, end: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.analytics.reporting.run.now", lambda: datetime(2026, 3, 11, 2, tzinfo=UTC))
    body = desk.admin.get(f"{REPORTS}/lead-summary", period=period).body
    assert (body["from"], body["to"]) == (first, end)  # 22:00 on the 10th in New York


def test_summary_is_by_day_and_by_week_in_long_periods(desk: Desk) -> None:
    days = desk.admin.get(f"{REPORTS}/lead-summary", **{"from": "2026-01-01", "to": "2026-02-01"}).body
    weeks = desk.admin.get(f"{REPORTS}/lead-summary", **{"from": "2026-01-01", "to": "2026-02-02"}).body
    assert (len(days["buckets"]), len(weeks["buckets"])) == (31, 5)


def test_unknown_reports_and_double_periods_are_refused(desk: Desk) -> None:
    assert desk.admin.get(f"{REPORTS}/nothing").status == 404
    answer = desk.admin.get(f"{REPORTS}/total-leads", period="last_week", **{"from": "2026-01-01"})
    assert answer.pointers == ["/period"]


def test_reports_need_the_permission(desk: Desk) -> None:
    for path in (REPORTS, f"{REPORTS}/total-leads", f"{REPORTS}/marketing-roi"):
        assert desk.coordinator.get(path).status == 403


def test_files_are_in_the_audit_log_and_numbers_are_not(desk: Desk) -> None:
    desk.admin.get(f"{REPORTS}/marketing-roi")
    for name in ("csv", "html"):
        fetch(desk.admin, f"{REPORTS}/marketing-roi", format=name)
    fetch(desk.admin, f"{BASE}/lost-reasons", format="xlsx")
    entries = [one for one in desk.admin.every("/api/audit") if one["subject"].startswith("report:")]
    assert [(one["act"], one["subject"]) for one in reversed(entries)] == [
        *[("read", "report:marketing-roi")] * 2,
        ("read", "report:lost-reasons"),
    ]
    assert {one["user_id"] for one in entries} == {desk.admin.id}


def test_file_has_a_maximum_size(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.analytics.files.MOST_FIGURES", 10)
    query = {"from": "2026-01-01", "to": "2026-02-01"}
    answer = desk.admin.get(f"{REPORTS}/lead-summary", format="csv", **query)
    assert (answer.status, answer.body["code"]) == (409, "report-too-large")
    assert desk.admin.get(f"{REPORTS}/lead-summary", **query).status == 200
