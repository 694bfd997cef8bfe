"""Work queue overview: statistics, board, calendar and export."""

import csv
import io
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from app.clock import now
from app.core.files import exports
from app.core.files.csv_cells import unescape_formula
from tests.support.desk import Desk
from tests.support.practice import Watch

pytest_plugins = ["tests.support.desk"]

QUEUE = "/api/followups"
NEW_YORK = ZoneInfo("America/New_York")


def soon(**ahead: float) -> str:
    return (now() + timedelta(**ahead)).isoformat().replace("+00:00", "Z")


def clinic_time(text: str) -> str:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).isoformat()


def make_overdue(desk: Desk, *tasks: dict[str, Any], days: int = 1) -> None:
    """Make tasks overdue, as the sweep does."""
    overdue = "UPDATE lead_tasks SET status = 'OVERDUE', due_at = :due_at WHERE id = :id"
    for task in tasks:
        desk.sql(overdue, id=task["id"], due_at=now() - timedelta(days=days))


def figures(desk: Desk, **query: Any) -> dict[str, Any]:
    answer = desk.doctor.get(f"{QUEUE}/dashboard", **query)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


def columns(desk: Desk, **query: Any) -> dict[str, Any]:
    return {column["status"]: column for column in desk.doctor.get(f"{QUEUE}/kanban", **query).body["columns"]}


def exported(desk: Desk, **query: Any) -> list[dict[str, str]]:
    answer = desk.doctor.get(f"{QUEUE}/export", **query)
    assert answer.status == 200, answer.body
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


# The dashboard.


def test_empty_queue_has_no_rates(desk: Desk, other_desk: Desk):
    make_overdue(other_desk, other_desk.plan(other_desk.capture(phone="600111222")))
    assert figures(desk) == {
        **dict.fromkeys(("overdue", "due_today", "due_this_week", "rotting_leads"), 0),
        **dict.fromkeys(("completion_rate", "response_seconds")),
    }


def test_days_and_weeks_use_the_clinics_local_time(desk: Desk, watch: Watch):
    watch.set(datetime.fromisoformat(clinic_time("2026-03-10 23:30")))  # Tuesday there, Wednesday in UTC
    lead = desk.capture()
    for due in ("2026-03-10 23:59", "2026-03-11 00:00", "2026-03-15 23:59", "2026-03-16 00:00"):
        desk.plan(lead, due_at=clinic_time(due))
    desk.plan(lead, due_at=clinic_time("2026-03-09 00:00"))  # on Monday, not flagged as overdue yet
    found = figures(desk)
    assert (found["due_today"], found["due_this_week"], found["overdue"]) == (1, 4, 0)


def test_overdue_and_completed_tasks_are_counted_for_all_or_one_user(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    mine, done, theirs = desk.plan(lead), desk.plan(lead), desk.plan(lead, assigned_to_id=desk.admin.id)
    cancelled, old = desk.plan(lead), desk.plan(lead)
    make_overdue(desk, mine, done, theirs, cancelled)
    make_overdue(desk, old, days=31)
    desk.admin.post(f"{QUEUE}/{done['id']}/complete")
    desk.admin.post(f"{QUEUE}/{cancelled['id']}/cancel")
    everybody, one = figures(desk), figures(desk, assigned_to_id=desk.coordinator.id)
    assert (everybody["overdue"], one["overdue"]) == (3, 2)
    assert (everybody["completion_rate"], one["completion_rate"]) == (pytest.approx(1 / 3), 1 / 2)


def test_tasks_completed_before_they_are_due_count_as_completed(desk: Desk):
    lead = desk.capture()
    for _ in range(7):
        task = desk.plan(lead, due_at=(now() + timedelta(days=2)).isoformat())
        assert desk.admin.post(f"{QUEUE}/{task['id']}/complete", {}).status == 200
    assert figures(desk)["completion_rate"] == 1
    assert desk.admin.get("/api/lead-activities/statistics").body["completion_rate"] == 1
    make_overdue(desk, desk.plan(lead))
    desk.plan(lead, due_at=(now() + timedelta(days=2)).isoformat())  # open, and not due yet
    assert figures(desk)["completion_rate"] == 7 / 8


def test_only_open_leads_rot(desk: Desk):
    leads = [desk.capture(assigned_to_id=desk.coordinator.id) for _ in range(3)]
    for lead in leads[:2]:
        desk.sql("UPDATE leads SET rots_at = now() WHERE id = :id", id=lead["id"])
    assert figures(desk)["rotting_leads"] == 2
    desk.admin.post(f"/api/leads/{leads[0]['id']}/lost", {"reason": "OTHER"})
    assert figures(desk, assigned_to_id=desk.coordinator.id)["rotting_leads"] == 1
    assert figures(desk, assigned_to_id=desk.admin.id)["rotting_leads"] == 0


def test_response_time_uses_the_first_attempt_only(desk: Desk):
    an_hour_ago = "UPDATE leads SET created_at = now() - interval '1 hour' WHERE id = :id"
    for minutes in (10, 30):
        lead = desk.capture()
        desk.sql(an_hour_ago, id=lead["id"])
        call = {"type": "PHONE_CALL", "outcome": "no_answer"}
        for after, activity in (
            (4, {"type": "NOTE", "notes": "x"}),
            (5, {"type": "EMAIL", "direction": "INBOUND"}),
            (minutes, call),
            (50, call),
        ):
            desk.admin.post(
                f"/api/leads/{lead['id']}/activities", {**activity, "occurred_at": soon(minutes=after - 60)}
            )
    desk.capture()  # no attempt yet
    assert figures(desk)["response_seconds"] == pytest.approx(20 * 60, abs=5)
    desk.sql("UPDATE leads SET created_at = now() - interval '31 days'")
    assert figures(desk)["response_seconds"] is None


# The board.


def test_board_has_a_column_per_status_that_continues_in_the_list(desk: Desk):
    lead = desk.capture()
    tasks = [desk.plan(lead, due_at=soon(days=days)) for days in range(1, 10)]
    ids = [task["id"] for task in tasks]
    for task in tasks[4:7]:
        desk.admin.post(f"{QUEUE}/{task['id']}/complete")
    desk.admin.post(f"{QUEUE}/{ids[7]}/start")
    make_overdue(desk, tasks[8])
    found = columns(desk, cards=2)
    assert [*found] == ["OVERDUE", "PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED"]
    assert {status: column["count"] for status, column in found.items()} == {
        "OVERDUE": 1,
        "PENDING": 4,
        "IN_PROGRESS": 1,
        "COMPLETED": 3,
        "CANCELLED": 0,
    }
    for status, shown in (("PENDING", ids[:4]), ("COMPLETED", ids[6:3:-1])):
        column = found[status]
        rest = desk.doctor.get(QUEUE, status=status, sort=column["sort"], cursor=column["next_cursor"]).body["items"]
        assert [task["id"] for task in (*column["cards"], *rest)] == shown
    assert found["OVERDUE"]["next_cursor"] is None


def test_board_accepts_the_filters_of_the_list(desk: Desk, other_desk: Desk):
    lead = desk.capture()
    desk.plan(lead, tags=["vip"])
    desk.plan(lead, assigned_to_id=desk.coordinator.id)
    other_desk.plan(other_desk.capture(phone="600111222"), tags=["vip"])
    assert columns(desk, tag="vip")["PENDING"]["count"] == 1
    assert columns(desk, assigned_to_id=desk.coordinator.id, pinned="false")["PENDING"]["count"] == 1
    assert desk.doctor.get(f"{QUEUE}/kanban", status="PENDING").pointers == ["/status"]


# The calendar.


def test_calendar_has_every_day_in_the_clinics_local_time(desk: Desk):
    lead = desk.capture()
    due = {"2031-03-08 23:59": 0, "2031-03-09 00:00": 1, "2031-03-09 23:59": 1, "2031-03-10 00:00": 2}
    tasks = [(desk.plan(lead, due_at=clinic_time(at)), day) for at, day in due.items()]
    shown = desk.doctor.get(f"{QUEUE}/calendar", **{"from": "2031-03-08", "to": "2031-03-10"}).body
    assert shown["timezone"] == "America/New_York"
    assert [day["date"] for day in shown["days"]] == ["2031-03-08", "2031-03-09", "2031-03-10"]
    for number, day in enumerate(shown["days"]):
        assert [task["id"] for task in day["tasks"]] == [task["id"] for task, at in tasks if at == number]
    spring = shown["days"][1]  # an hour is left out that day
    begins, ends = (datetime.fromisoformat(spring[name]) for name in ("begins_at", "ends_at"))
    assert ends - begins == timedelta(hours=23)


def test_calendar_shows_the_first_tasks_of_a_day_and_a_count(desk: Desk):
    lead = desk.capture()
    tasks = [desk.plan(lead, due_at=clinic_time(f"2031-03-08 1{hour}:00")) for hour in range(4)]
    make_overdue(desk, tasks[0])
    desk.sql("UPDATE lead_tasks SET due_at = :at WHERE id = :id", id=tasks[0]["id"], at=tasks[0]["due_at"])
    desk.admin.post(f"{QUEUE}/{tasks[3]['id']}/complete")

    def day(**query: Any) -> tuple[int, bool]:
        [shown] = desk.doctor.get(f"{QUEUE}/calendar", **{"from": "2031-03-08", "to": "2031-03-08", **query}).body[
            "days"
        ]
        return len(shown["tasks"]), shown["more"]

    assert [day(), day(per_day=2), day(per_day=3)] == [(3, False), (2, True), (3, False)]
    assert [day(status="COMPLETED"), day(assigned_to_id=desk.coordinator.id)] == [(1, False), (0, False)]


def test_calendar_starts_today_and_has_a_maximum_range(desk: Desk):
    shown = desk.doctor.get(f"{QUEUE}/calendar").body["days"]
    assert (len(shown), shown[0]["date"]) == (7, now().astimezone(NEW_YORK).date().isoformat())
    for query, place in (
        ({"from": "2031-01-01", "to": "2031-03-04"}, "/to"),
        ({"from": "2031-01-02", "to": "2031-01-01"}, "/to"),
        ({"to": "2031-01-01"}, "/from"),
        ({"from": "soon"}, "/from"),
        ({"from": "9999-12-31"}, "/from"),
        ({"from": "0001-01-01"}, "/from"),
    ):
        assert desk.doctor.get(f"{QUEUE}/calendar", **query).pointers == [place]
    last = desk.doctor.get(f"{QUEUE}/calendar", **{"from": "2031-01-01", "to": "2031-03-03"}).body["days"][-1]["date"]
    assert date.fromisoformat(last) == date(2031, 3, 3)


# The file.


def test_export_has_the_tasks_of_the_list_with_lead_names(desk: Desk, other_desk: Desk):
    lead = desk.capture(first_name="Zoë", last_name='O"Hara, Jr.', email="zoe@lead.example")
    second, first = desk.plan(lead, due_at=soon(days=2)), desk.plan(lead, tags=["a", "b"], description="one\ntwo")
    other_desk.plan(other_desk.capture(phone="600111222"))
    rows = exported(desk)
    assert [row["id"] for row in rows] == [first["id"], second["id"]]
    assert (rows[0]["lead_first_name"], rows[0]["lead_last_name"]) == ("Zoë", 'O"Hara, Jr.')
    assert (rows[0]["tags"], rows[0]["description"], rows[0]["assigned_to"]) == (
        "a, b",
        "one\ntwo",
        desk.admin.actor.name,
    )
    assert [row["id"] for row in exported(desk, sort="-due_at", q="call", status="PENDING")] == [
        second["id"],
        first["id"],
    ]
    assert exported(desk, tag="none") == []


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "''+x", "'quoted'", "plain", "=HYPERLINK(1)"])
def test_export_escapes_formulas_and_keeps_every_character(desk: Desk, title: str):
    lead = desk.capture(phone="+12125550143")
    desk.plan(lead, title=title)
    [row] = exported(desk)
    assert row["title"][0] not in "=+-@\t\r"
    assert row["lead_phone"] == "'+12125550143"
    assert (unescape_formula(row["title"]), unescape_formula(row["lead_phone"])) == (title, "+12125550143")


def test_workbook_has_the_same_content_as_csv(desk: Desk):
    task = desk.plan(desk.capture(phone="+12125550143"), title="=1+1")
    answer = desk.doctor.get(f"{QUEUE}/export", format="xlsx")
    headings, row = openpyxl.load_workbook(io.BytesIO(answer.body)).active.iter_rows()
    cells = dict(zip((cell.value for cell in headings), row, strict=True))
    assert (cells["id"].value, cells["title"].value, cells["title"].data_type) == (task["id"], "=1+1", "s")
    assert cells["lead_phone"].value == "+12125550143"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="followups.xlsx"'
    assert answer.headers["Cache-Control"] == "no-store"


def test_oversized_export_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exports, "MOST_ROWS", 2)
    lead = desk.capture()
    for _ in range(2):
        desk.plan(lead)
    assert len(exported(desk)) == 2
    desk.plan(lead)
    assert desk.doctor.get(f"{QUEUE}/export").body["code"] == "too-much-to-export"
    assert desk.doctor.get(f"{QUEUE}/export", format="pdf").pointers == ["/format"]
