"""Report on the effect of rules and sequences: equal to their lists, and to the report of the sequence itself."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.engine.models import Kind
from tests.support.desk import Caller, Desk, the_app
from tests.support.enrolling import mail, playbook, put, sequence
from tests.support.practice import TUESDAY, Practice, Watch
from tests.support.smtp import SmtpServer

pytest_plugins = ["tests.support.practice", "tests.support.desk"]

PERIOD = {"from": str(TUESDAY.date() - timedelta(days=10)), "to": str(TUESDAY.date() + timedelta(days=40))}


@pytest.fixture
def practice(open_practice: Callable[..., Practice], smtp: SmtpServer) -> Practice:
    return open_practice(playbook=playbook(sequence(mail("hello"))))


def admin_of(practice: Practice) -> Caller:
    return Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id)).admin


def listed(caller: Caller, drill: str) -> list[str]:
    url = urlsplit(drill)
    return [lead["id"] for lead in caller.every(url.path, **dict(parse_qsl(url.query)))]


def test_replies_and_conversions_equal_the_lists_and_the_report_of_the_sequence(practice: Practice, watch: Watch):
    replied, converted, silent, unreached = (practice.capture(**more) for more in ({}, {}, {}, {"email": None}))
    others = [practice.capture(), practice.capture()]
    put(practice, replied, converted, silent, unreached, into="welcome")
    practice.run_due()
    while practice.run(Kind.DELIVER):
        pass
    watch.advance(hours=1)
    for lead in (replied, others[0]):
        practice.hear_from(lead)
    practice.convert(converted)
    watch.advance(days=8)
    practice.hear_from(silent)  # too late for an answer to the message
    admin = admin_of(practice)
    report = admin.get("/api/leads/analytics/automation", mature_days="0", **PERIOD)
    assert report.status == 200, report.body
    rows = {row["key"]: {one["metric"]: one for one in row["figures"]} for row in report.body["rows"]}
    figures = rows["welcome"]
    assert next(row["label"] for row in report.body["rows"] if row["key"] == "welcome") == "welcome (sequence)"
    assert set(listed(admin, figures["sent_leads"]["drill"])) == {str(one) for one in (replied, converted, silent)}
    values = {name: figure["value"] for name, figure in figures.items()}
    assert values["sent_leads"] == 3
    assert values["reply_rate"] == values["conversion_rate_after"] == pytest.approx(1 / 3)
    assert (values["reply_rate_without"], values["conversion_rate_without"]) == (pytest.approx(1 / 3), 0)
    for figure in figures.values():
        check_lists(admin, figure)
    check_report_of_sequence(practice, admin, figures)


def check_lists(caller: Caller, figure: dict[str, Any]) -> None:
    for counted in (figure, figure["among"]):
        if counted is not None:
            assert len(listed(caller, counted["drill"])) == counted["leads"], counted


def check_report_of_sequence(practice: Practice, caller: Caller, figures: dict[str, Any]) -> None:
    [found] = practice.rows("sequences")
    period = {"since": "2026-01-01T00:00:00Z", "until": "2026-06-01T00:00:00Z"}
    messages = caller.get(f"/api/sequences/{found.id}/performance", **period).body["messages"]
    assert messages["sent"] == figures["sent_leads"]["leads"]
    for name, figure in (("replied", "reply_rate"), ("converted", "conversion_rate_after")):
        assert messages[name]["count"] == figures[figure]["leads"]
        assert messages[name]["of"] == figures[figure]["among"]["leads"]
