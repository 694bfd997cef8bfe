"""Scheduled reports by e-mail: once per week or month and recipient, with the figures that the recipient may see."""

from collections.abc import Callable
from threading import Thread
from typing import Any
from uuid import UUID

import pytest

from app.analytics.metrics.measures import Basis
from app.analytics.reporting.relative_periods import RelativePeriod
from app.analytics.reporting.saved.last_sent import shown
from app.analytics.reporting.saved.models import SavedReport
from app.analytics.reporting.saved.schedules import AttachedFile, Every, Weekday
from app.analytics.reporting.saved.service import create_saved_report, delete_saved_report, update_saved_report
from app.core.db import transaction
from app.engine.models import Kind
from app.identity.models import Role
from tests.support.notices import RULE, prefer
from tests.support.practice import Practice, Watch, at, sql
from tests.support.smtp import SmtpServer
from workers.sweeps.run import sweep

ADMIN, COORDINATOR = Role.CLINIC_ADMIN, Role.TREATMENT_COORDINATOR
TEMPLATE = "scheduled-report"
WEEKLY = {"every": Every.WEEK, "weekday": Weekday.MONDAY, "day": None, "at": "07:30", "attach": None}


@pytest.fixture
def practice(open_practice: Callable[..., Practice], watch: Watch) -> Practice:
    watch.set(at("2026-03-10 12:00"))  # a Tuesday
    return open_practice(playbook=RULE)


def body(practice: Practice, **schedule: Any) -> dict[str, Any]:
    recipients = schedule.pop("recipients", [practice.people[ADMIN]])
    return {
        "name": "The week",
        "report": schedule.pop("report", "total-leads"),
        "parameters": {"period": RelativePeriod.LAST_WEEK, "basis": Basis.COHORT, "mature_days": 0},
        "shared": False,
        "schedule": {**WEEKLY, "recipients": recipients, **schedule},
    }


def save(practice: Practice, **schedule: Any) -> UUID:
    with transaction() as session:
        return create_saved_report(session, practice.actor(), body(practice, **schedule)).id


def mails(practice: Practice) -> list[Any]:
    return practice.rows("notifications", template=TEMPLATE)


def run_reports(practice: Practice) -> None:
    practice.run(Kind.SEND_REPORT, *practice.steps(kind=Kind.SEND_REPORT))


def pass_time(practice: Practice, watch: Watch, *walls: str) -> None:
    for wall in walls:
        watch.set(at(wall))
        sweep("plan_reports")
        run_reports(practice)


def reasons(practice: Practice) -> list[str | None]:
    return [step.reason for step in practice.steps(kind=Kind.SEND_REPORT)]


def test_recipient_gets_the_figures_of_last_week_once(practice: Practice, watch: Watch) -> None:
    practice.capture()
    save(practice)
    watch.set(at("2026-03-16 07:20"))
    assert (sweep("plan_reports"), sweep("plan_reports")) == (1, 0)
    assert practice.step(kind=Kind.SEND_REPORT).due_at == at("2026-03-16 07:30")
    pass_time(practice, watch, "2026-03-16 07:30", "2026-03-16 12:00", "2026-03-22 23:59")

    [mail] = mails(practice)
    assert mail.subject == "The week: 2026-03-09 to 2026-03-15"
    assert "- Total leads: 1\n" in mail.body
    assert "- Total leads: Leads created in the period." in mail.body
    assert "/numbers?period=own&from=2026-03-09&to=2026-03-15&basis=cohort" in mail.body
    assert mail.user_id == practice.people[ADMIN]

    pass_time(practice, watch, "2026-03-23 07:30")
    assert [one.subject for one in mails(practice)][1:] == ["The week: 2026-03-16 to 2026-03-22"]


def test_paused_report_is_not_sent_and_not_made_up_for(practice: Practice, watch: Watch) -> None:
    report_id = save(practice)
    watch.set(at("2026-03-16 07:20"))
    assert sweep("plan_reports") == 1
    change(practice, report_id, is_paused=True)
    pass_time(practice, watch, "2026-03-16 07:30", "2026-03-23 07:30")
    assert (mails(practice), reasons(practice)) == ([], ["not_scheduled"])
    watch.set(at("2026-03-24 12:00"))
    change(practice, report_id, is_paused=False)
    pass_time(practice, watch, "2026-03-24 13:00")
    assert mails(practice) == []
    pass_time(practice, watch, "2026-03-30 07:30")
    assert len(mails(practice)) == 1


def test_report_shows_when_it_was_last_sent(practice: Practice, watch: Watch) -> None:
    report_id = save(practice)
    assert last_sent(report_id) is None
    pass_time(practice, watch, "2026-03-16 07:30", "2026-03-23 07:31")
    assert last_sent(report_id) == at("2026-03-23 07:31")


def change(practice: Practice, report_id: UUID, **schedule: Any) -> None:
    with transaction() as session:
        update_saved_report(session, practice.actor(), report_id, body(practice, **schedule), seen=None)


def last_sent(report_id: UUID) -> Any:
    with transaction() as session:
        [report] = shown(session, [session.get_one(SavedReport, report_id)])
        return report["last_sent_at"]


def test_report_is_sent_once_by_two_workers(practice: Practice, watch: Watch) -> None:
    save(practice)
    watch.set(at("2026-03-16 07:30"))
    for act in (lambda: sweep("plan_reports"), lambda: run_reports(practice)):
        hosts = [Thread(target=act) for _ in range(3)]
        for host in hosts:
            host.start()
        for host in hosts:
            host.join()
    assert len(mails(practice)) == len(practice.steps(kind=Kind.SEND_REPORT)) == 1


def test_outage_delays_each_report_and_loses_none(practice: Practice, watch: Watch) -> None:
    save(practice)
    pass_time(practice, watch, "2026-04-01 09:00", "2026-04-01 09:05")  # no worker ran for three Mondays
    assert sorted(one.subject.removeprefix("The week: ") for one in mails(practice)) == [
        "2026-03-09 to 2026-03-15",
        "2026-03-16 to 2026-03-22",
        "2026-03-23 to 2026-03-29",
    ]


def test_reports_of_a_longer_outage_are_left_out(practice: Practice, watch: Watch) -> None:
    save(practice)
    pass_time(practice, watch, "2026-06-01 09:00")
    assert sorted(one.subject[-10:] for one in mails(practice)) == [
        "2026-05-03",
        "2026-05-10",
        "2026-05-17",
        "2026-05-24",
        "2026-05-31",
    ]


def test_schedule_holds_from_its_change_on(practice: Practice, watch: Watch) -> None:
    report_id = save(practice)
    pass_time(practice, watch, "2026-03-16 07:30")
    watch.set(at("2026-03-18 12:00"))
    with transaction() as session:
        changed = body(practice, weekday=Weekday.FRIDAY)
        update_saved_report(session, practice.actor(), report_id, changed, seen=None)
    pass_time(practice, watch, "2026-03-20 07:30", "2026-03-23 07:30", "2026-03-27 07:30")
    sent = [step.due_at for step in practice.steps(kind=Kind.SEND_REPORT)]
    assert sent == [at("2026-03-16 07:30"), at("2026-03-27 07:30")]  # one per week


def test_month_with_a_short_end(practice: Practice, watch: Watch) -> None:
    save(practice, every=Every.MONTH, weekday=None, day=31)
    pass_time(practice, watch, "2026-03-31 07:30", "2026-04-30 07:29", "2026-04-30 07:30", "2026-05-01 07:30")
    assert [step.due_at for step in practice.steps(kind=Kind.SEND_REPORT)] == [
        at("2026-03-31 07:30"),
        at("2026-04-30 07:30"),
    ]


def test_hour_is_that_of_the_user(practice: Practice, watch: Watch) -> None:
    prefer(practice, {}, role=ADMIN, digest_at="09:00", timezone="Europe/Berlin")
    save(practice, at=None)
    watch.set(at("2026-03-16 04:00"))  # 09:00 in Berlin, where daylight time has not begun
    sweep("plan_reports")
    assert practice.step(kind=Kind.SEND_REPORT).due_at == at("2026-03-16 04:00")
    prefer(practice, {}, role=ADMIN, digest_at="10:00")
    run_reports(practice)
    assert (mails(practice), practice.step(kind=Kind.SEND_REPORT).due_at) == ([], at("2026-03-16 05:00"))
    pass_time(practice, watch, "2026-03-16 05:00")
    assert len(mails(practice)) == 1


def test_user_without_the_permission_gets_nothing(practice: Practice, watch: Watch) -> None:
    doctor = practice.people[Role.DOCTOR]
    save(practice, recipients=[practice.people[ADMIN], doctor])
    sql("UPDATE users SET role = 'treatment_coordinator' WHERE id = :id", id=doctor)
    pass_time(practice, watch, "2026-03-16 07:30")
    assert [mail.user_id for mail in mails(practice)] == [practice.people[ADMIN]]
    assert sorted(filter(None, reasons(practice))) == ["not_scheduled"]


@pytest.mark.parametrize(
    "change", ["UPDATE users SET is_active = false WHERE role = 'clinic_admin'", "DELETE FROM saved_reports"]
)
def test_report_without_owner_or_row_is_not_sent(practice: Practice, watch: Watch, change: str) -> None:
    save(practice, recipients=[practice.people[Role.DOCTOR]])
    watch.set(at("2026-03-16 07:20"))
    sweep("plan_reports")
    sql(change)
    pass_time(practice, watch, "2026-03-16 07:30")
    assert (mails(practice), reasons(practice)) == ([], ["not_scheduled"])


def test_deleted_report_is_planned_no_more(practice: Practice, watch: Watch) -> None:
    report_id = save(practice)
    with transaction() as session:
        delete_saved_report(session, practice.actor(), report_id, seen=None)
    watch.set(at("2026-03-16 07:30"))
    assert sweep("plan_reports") == 0


def test_user_can_turn_reports_off(practice: Practice, watch: Watch) -> None:
    prefer(practice, {"report": {"email": "off"}}, role=ADMIN)
    save(practice)
    pass_time(practice, watch, "2026-03-16 07:30")
    [mail] = mails(practice)
    assert (mail.state, mail.reason) == ("suppressed", "turned_off")


@pytest.mark.parametrize(("attach", "content_type"), [(AttachedFile.CSV, "text/csv"), (AttachedFile.HTML, "text/html")])
def test_mail_has_text_html_and_file(
    practice: Practice, watch: Watch, smtp: SmtpServer, attach: AttachedFile, content_type: str
) -> None:
    practice.capture()
    save(practice, attach=attach, report="lead-summary")
    pass_time(practice, watch, "2026-03-16 07:30")
    practice.run(Kind.DELIVER_TO_USER, *practice.steps(kind=Kind.DELIVER_TO_USER))

    mail = smtp.accepted[0].message
    assert mail.get_content_type() == "multipart/mixed"
    texts, file = mail.iter_parts()
    plain, html = texts.iter_parts()
    assert "- Total leads: 1" in plain.get_content()
    assert (html.get_content_type(), "<script" in html.get_content()) == ("text/html", False)
    assert "<svg" not in html.get_content()
    assert "Leads created in the period." in html.get_content()
    assert (file.get_content_type(), file.get_filename()) == (content_type, f"lead-summary-2026-03-09.{attach}")
    content = file.get_content()
    assert ("<svg" in content) is (attach is AttachedFile.HTML)
    assert "Total leads" in content
    [row] = mails(practice)
    assert b"Total leads" not in row.sealed


def test_figures_are_those_that_the_recipient_may_see(practice: Practice, watch: Watch) -> None:
    practice.capture()
    sql(
        "UPDATE users SET role = 'manager' WHERE id = :id", id=practice.people[Role.DOCTOR]
    )  # sees a team without leads
    save(practice, recipients=[practice.people[Role.DOCTOR], practice.people[ADMIN]])
    pass_time(practice, watch, "2026-03-16 07:30")
    found = {mail.user_id: "- Total leads: 1" in mail.body for mail in mails(practice)}
    assert found == {practice.people[Role.DOCTOR]: False, practice.people[ADMIN]: True}


def test_large_file_is_left_out_and_the_text_says_so(
    practice: Practice, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.analytics.reporting.saved.mails.LARGEST_FILE", 10)
    save(practice, attach=AttachedFile.CSV)
    pass_time(practice, watch, "2026-03-16 07:30")
    assert mails(practice)[0].body.endswith("The file is too large for an e-mail. Run the saved report to get it.")
