"""Enrollments about one thing of several, such as open invoices: one for each, ended by events about the same."""

from typing import Any
from uuid import UUID

import pytest
import yaml
from sqlalchemy.exc import IntegrityError

from app.core.db import transaction
from app.leads.activities.custom_events import record_custom_event
from app.leads.duplicates import merge as merging
from tests.support.desk import Desk, the_app
from tests.support.enrolling import TEMPLATES, call, mail, sequence
from tests.support.practice import Practice, Watch, sql
from tests.support.smtp import SmtpServer

pytest_plugins = ["tests.support.practice"]

PAYMENT = sequence(
    call("remind"),
    mail("first", "3 days"),
    call("again", "1 day"),
    name="payment",
    enroll={"on": "custom.invoice_created"},
    key="event.data.invoice",
    exit_on=["lead.lost", "custom.credit_note"],
    goal=["custom.invoice_paid"],
    re_entry="after_exit",
)
SETTLED = {
    "name": "settled",
    "on": "custom.invoice_paid",
    "do": [{"complete_tasks": {"types": ["CALL"], "key": "event.data.invoice"}}],
}


@pytest.fixture
def practice(open_practice: Any) -> Practice:
    """A clinic whose invoices are followed up one by one."""
    return opened(open_practice, SETTLED)


def opened(open_practice: Any, *rules: dict[str, Any], **parts: Any) -> Practice:
    document = {"name": "ours", "templates": TEMPLATES, "sequences": [PAYMENT], "rules": list(rules), **parts}
    practice: Practice = open_practice(playbook=yaml.safe_dump(document))
    return practice


def report(practice: Practice, lead: UUID, event: str, *, then: bool = True, **data: Any) -> None:
    with transaction() as session:
        record_custom_event(session, practice.actor(), {"name": f"custom.{event}", "lead_id": lead, "data": data})
    if then:
        practice.run_all()


def ways(practice: Practice, lead: UUID) -> dict[str, tuple[str, str | None]]:
    return {row.key: (row.state, row.reason) for row in practice.rows("enrollments", lead_id=lead)}


def calls(practice: Practice, lead: UUID) -> list[tuple[str | None, str]]:
    return sorted((task.key or "", task.status) for task in practice.rows("lead_tasks", lead_id=lead))


def why(practice: Practice, lead: UUID) -> str:
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    stories = desk.admin.get(f"/api/leads/{lead}/why").body["items"]
    steps = [step["because"] for story in stories for step in story["steps"]]
    return "\n".join([*steps, *(one["enrollment"]["because"] for one in stories if one["enrollment"])])


def test_paying_one_invoice_leaves_the_others_alone(practice: Practice, watch: Watch):
    lead = practice.capture()
    for invoice in ("A", "B", 7):
        report(practice, lead, "invoice_created", invoice=invoice)
    assert ways(practice, lead) == dict.fromkeys(("invoice=A", "invoice=B", "invoice=7"), ("active", None))
    report(practice, lead, "invoice_paid", invoice="B")
    report(practice, lead, "invoice_paid", invoice=7.0)
    assert ways(practice, lead) == {
        "invoice=A": ("active", None),
        "invoice=B": ("exited", "goal"),
        "invoice=7": ("exited", "goal"),
    }
    assert calls(practice, lead) == [("invoice=7", "COMPLETED"), ("invoice=A", "PENDING"), ("invoice=B", "COMPLETED")]
    watch.advance(days=3)
    practice.run_all()
    assert [note.template for note in practice.rows("notifications", lead_id=lead) if not note.user_id] == ["one"]
    assert "about invoice A" in why(practice, lead)


def test_waiting_message_is_not_stopped_by_another_invoice(practice: Practice, watch: Watch, smtp: SmtpServer):
    lead = practice.capture()
    report(practice, lead, "invoice_created", invoice="A")
    watch.advance(days=3)
    practice.run_due()
    report(practice, lead, "invoice_paid", invoice="B", then=False)
    assert [step.kind for step in practice.pending(lead) if step.kind == "deliver"] == ["deliver"]
    report(practice, lead, "invoice_paid", invoice="A", then=False)
    assert [step.kind for step in practice.pending(lead) if step.kind == "deliver"] == []


def test_exit_matches_the_key_and_an_event_of_the_lead_ends_all(practice: Practice):
    lead = practice.capture()
    for invoice in ("A", "B", "C"):
        report(practice, lead, "invoice_created", invoice=invoice)
    report(practice, lead, "credit_note", invoice="C")
    assert ways(practice, lead)["invoice=C"] == ("exited", "stopped")
    practice.lose(lead)
    assert [ways(practice, lead)[key] for key in ("invoice=A", "invoice=B")] == [("exited", "lost")] * 2


def test_same_invoice_twice_is_already_in_also_in_one_batch(practice: Practice):
    lead = practice.capture()
    report(practice, lead, "invoice_created", invoice="A", then=False)
    report(practice, lead, "invoice_created", invoice="A", then=False)
    report(practice, lead, "invoice_created", invoice="B")
    assert sorted(ways(practice, lead)) == ["invoice=A", "invoice=B"]
    results = sorted(step.outcome["result"] for step in practice.steps(lead, kind="enroll"))
    assert results == ["already_in", "enrolled", "enrolled"]
    assert "changed nothing: the lead is already in the sequence" in why(practice, lead)


def test_event_without_its_value_begins_and_ends_nothing_and_says_so(practice: Practice):
    lead = practice.capture()
    report(practice, lead, "invoice_created", invoice="A")
    for data in ({}, {"invoice": None}, {"invoice": " "}, {"invoice": True}, {"number": "A"}):
        report(practice, lead, "invoice_created", **data)
        report(practice, lead, "invoice_paid", **data)
    assert (ways(practice, lead), calls(practice, lead)) == (
        {"invoice=A": ("active", None)},
        [("invoice=A", "PENDING")],
    )
    assert {step.reason for step in practice.steps(lead, state="skipped")} == {"no_key"}
    assert "because the event did not say what it was about" in why(practice, lead)


def test_rule_without_a_key_spares_the_tasks_of_other_invoices(open_practice: Any):
    practice = opened(open_practice, {**SETTLED, "do": [{"complete_tasks": {"types": ["CALL"]}}]})
    lead = practice.capture()
    report(practice, lead, "invoice_created", invoice="A")
    report(practice, lead, "invoice_created", invoice="B")
    report(practice, lead, "invoice_paid", invoice="B")
    assert calls(practice, lead) == [("invoice=A", "PENDING"), ("invoice=B", "COMPLETED")]


def test_rule_may_enroll_with_a_key_of_its_own_and_take_out_one(open_practice: Any):
    plain = {name: part for name, part in PAYMENT.items() if name not in {"enroll", "key", "goal"}}
    rules = (
        {
            "name": "begin",
            "on": "custom.bill",
            "do": [{"enroll": {"sequence": "payment", "key": "event.data.number"}}],
        },
        {"name": "withdraw", "on": "custom.withdrawn", "do": [{"unenroll": {"sequence": "payment"}}]},
    )
    practice = opened(open_practice, *rules, sequences=[plain])
    lead = practice.capture()
    report(practice, lead, "bill", number=1, then=False)
    report(practice, lead, "bill", number=2)
    report(practice, lead, "withdrawn", number=1)
    assert ways(practice, lead) == {"number=1": ("exited", "unenrolled"), "number=2": ("active", None)}


def test_step_that_completes_tasks_completes_those_of_its_own_enrollment(open_practice: Any, watch: Watch):
    own = {
        **PAYMENT,
        "steps": [call("remind"), {"name": "done", "after": "1 day", "complete_tasks": {"types": ["CALL"]}}],
    }
    practice = opened(open_practice, sequences=[own])
    lead = practice.capture()
    report(practice, lead, "invoice_created", invoice="A")
    watch.advance(hours=12)
    report(practice, lead, "invoice_created", invoice="B")
    watch.advance(hours=12)
    practice.run_all()
    assert calls(practice, lead) == [("invoice=A", "COMPLETED"), ("invoice=B", "PENDING")]


def test_waiting_entry_is_cancelled_by_its_own_invoice_only(open_practice: Any, watch: Watch):
    later = {**PAYMENT, "enroll": {"on": "custom.invoice_created", "after": "1 day"}}
    practice = opened(open_practice, sequences=[later])
    lead = practice.capture()
    report(practice, lead, "invoice_created", invoice="A")
    report(practice, lead, "invoice_created", invoice="B")
    report(practice, lead, "credit_note", invoice="A")
    watch.advance(days=1)
    practice.run_all()
    assert ways(practice, lead) == {"invoice=B": ("active", None)}


def test_merge_keeps_one_enrollment_for_each_invoice(practice: Practice):
    survivor, duplicate = practice.capture(), practice.capture()
    for lead, invoices in ((survivor, "AB"), (duplicate, "BC")):
        for invoice in invoices:
            report(practice, lead, "invoice_created", invoice=invoice)
    with transaction() as session:
        merging.merge(session, practice.actor(), survivor, duplicate_id=duplicate)
    found = sorted((row.key, row.state, row.reason) for row in practice.rows("enrollments", lead_id=survivor))
    assert found == [
        ("invoice=A", "active", None),
        ("invoice=B", "active", None),
        ("invoice=B", "exited", "merged"),
        ("invoice=C", "active", None),
    ]


def test_database_refuses_a_second_live_enrollment_with_the_same_key(practice: Practice):
    lead = practice.capture()
    report(practice, lead, "invoice_created", invoice="A")
    report(practice, lead, "invoice_created", invoice="B")
    with pytest.raises(IntegrityError):
        sql("UPDATE enrollments SET key = 'invoice=A' WHERE lead_id = :lead", lead=lead)


def test_user_enrolls_a_lead_about_an_invoice(practice: Practice):
    lead = practice.capture()
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    [found] = desk.admin.every("/api/sequences")
    path = f"/api/sequences/{found['id']}/enrollments"
    results = [
        desk.admin.post(path, {"lead_ids": [str(lead)], **about}).body["results"][0]["result"]
        for about in ({"about": "A"}, {"about": "A"}, {"about": "B"}, {})
    ]
    assert results == ["enrolled", "already_in", "enrolled", "enrolled"]
    listed = [one["about"] for one in desk.admin.every(f"/api/leads/{lead}/enrollments")]
    assert listed == [None, "invoice B", "invoice A"]
    report(practice, lead, "invoice_paid", invoice="A")
    assert ways(practice, lead) == {
        "invoice=A": ("exited", "goal"),
        "invoice=B": ("active", None),
        "": ("exited", "goal"),
    }


@pytest.mark.parametrize(
    ("parts", "pointer", "says"),
    [
        ({"key": "event.invoice"}, "/key", "event.data.invoice"),
        ({"key": "lead.status"}, "/key", "event.data.invoice"),
        ({"key": 7}, "/key", "event.data.invoice"),
        ({"key": "event.data.invoice", "enroll": {"on": "lead.created"}}, "/enroll/on/0", "sends no values"),
    ],
)
def test_wrong_key_is_refused_at_its_place(practice: Practice, parts: dict[str, Any], pointer: str, says: str):
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    steps = [{"name": "a", "after": "1 day", "wait": {}}]
    answer = desk.admin.post("/api/sequences", {"name": "other", "steps": steps, **parts})
    assert (answer.status, pointer in answer.pointers, says in str(answer.body)) == (422, True, True)


def test_key_beside_an_event_without_values_is_refused(practice: Practice):
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    nested = {"branch": {"if": [{"field": "lead.status", "equals": "NEW"}], "then": SETTLED["do"]}}
    for actions in (SETTLED["do"], [nested]):
        rule = {"name": "other", "on": ["custom.paid", "lead.created"], "do": actions}
        assert desk.admin.post("/api/follow-up-rules", rule).pointers == ["/on/1"]
