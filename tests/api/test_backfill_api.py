"""Backfill of a rule for existing leads: rate, once per lead, preview and cancellation."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from app.clock import now
from tests.support.bulk import chunks, counts, items, many_leads, run, show, work_off
from tests.support.concurrency import run_concurrently
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

RULES = "/api/follow-up-rules"
NAME = "look-after"
CALL = {"create_task": {"type": "CALL", "title": "Call"}}
MINUTE = timedelta(minutes=1)


def make(desk: Desk, **parts: Any) -> str:
    answer = desk.admin.post(RULES, {"name": NAME, "on": "lead.created", "do": [CALL], **parts})
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


def backfill(desk: Desk, rule: str, **how: Any) -> dict[str, Any]:
    """Start a backfill, run it, and return the finished job."""
    return work_off(desk, start(desk, rule, **how))


def start(desk: Desk, rule: str, **how: Any) -> dict[str, Any]:
    answer = desk.admin.post(f"{RULES}/{rule}/backfill", how)
    assert answer.status == 202, answer.body
    job: dict[str, Any] = answer.body["job"]
    assert (answer.body["preview"], answer.headers["Location"]) == (None, f"/api/jobs/{job['id']}")
    return job


def preview(desk: Desk, rule: str, **how: Any) -> dict[str, Any]:
    answer = desk.admin.post(f"{RULES}/{rule}/backfill", {"dry_run": True, **how})
    assert (answer.status, answer.body["job"]) == (200, None), answer.body
    found: dict[str, Any] = answer.body["preview"]
    return found


def reasons(desk: Desk, job: dict[str, Any]) -> dict[str, str | None]:
    """Return the result for each lead, by its id."""
    return {item["lead_id"]: item["reason"] for item in items(desk, job)}


def due(desk: Desk, lead: dict[str, Any]) -> datetime:
    [step] = desk.steps(lead, name=NAME)
    return datetime.fromisoformat(step["due_at"])


def planned(desk: Desk) -> list[datetime]:
    """Return when the steps of the rule are due."""
    found = desk.sql("SELECT due_at FROM steps WHERE clinic_id = :c AND name = :n", c=desk.clinic_id, n=NAME)
    return sorted(row.due_at for row in found)


def test_existing_leads_start_one_after_the_other(desk: Desk):
    leads = [desk.capture() for _ in range(4)]
    job = backfill(desk, make(desk, after="1 hour"), per_hour=60)
    assert (job["state"], counts(job)) == ("done", (0, 4, 0, 0))
    first = datetime.fromisoformat(job["created_at"])
    begin = due(desk, leads[0])
    assert begin >= first + timedelta(hours=1)
    assert [due(desk, lead) - begin for lead in leads] == [MINUTE * n for n in range(4)]
    [step] = desk.steps(leads[0], name=NAME)
    assert (step["cause"]["event"], step["cause"]["job_id"]) == ("lead.created", job["id"])


def test_explanation_names_the_backfill(desk: Desk):
    lead = desk.capture()
    rule = make(desk, when=[{"field": "lead.tags", "contains": "vip"}])
    job = backfill(desk, rule)
    assert reasons(desk, job) == {lead["id"]: "unmatched"}
    [event] = desk.admin.every(f"/api/leads/{lead['id']}/why", rule=NAME)
    [decision] = event["decisions"]
    assert (event["event"], event["backfill_job_id"], decision["verdict"]) == ("lead.created", job["id"], "unmet")
    [earlier] = desk.admin.every(f"/api/leads/{lead['id']}/why", rule="speed-to-lead")
    assert earlier["backfill_job_id"] is None


def test_conditions_are_evaluated_with_current_facts(desk: Desk):
    lead, other = desk.capture(tags=["vip"]), desk.capture()
    asked = [{"field": "lead.tags", "contains": "vip"}, {"field": "lead.created_at", "days_since": {"less_than": 1}}]
    job = backfill(desk, make(desk, when=asked), per_hour=1)
    assert reasons(desk, job) == {lead["id"]: None, other["id"]: "unmatched"}


def test_lead_known_to_the_rule_is_skipped_in_any_state_of_its_step(desk: Desk):
    before = desk.capture()
    rule = make(desk, after="1 hour")
    known = desk.capture()
    desk.sql("UPDATE steps SET state = 'cancelled', reason = 'replied' WHERE lead_id = :l", l=known["id"])
    desk.admin.patch(f"{RULES}/{rule}", {"after": "2 hours"})
    assert reasons(desk, backfill(desk, rule)) == {before["id"]: None, known["id"]: "has_steps"}
    assert reasons(desk, backfill(desk, rule)) == {before["id"]: "has_steps", known["id"]: "has_steps"}
    assert len(planned(desk)) == 2


def test_second_concurrent_backfill_is_the_same_job(desk: Desk):
    desk.multiply(desk.capture(), 59)
    rule = make(desk)
    jobs = [start(desk, rule, per_hour=100_000) for _ in range(3)]
    run_concurrently(*[partial(work_off, desk, job) for job in jobs])
    for job in jobs:
        desk.sql("UPDATE steps SET due_at = now() WHERE kind = 'import_chunk' AND state IN ('planned', 'published')")
        assert show(desk, work_off(desk, job))["state"] == "done"
    assert len(planned(desk)) == 60


@pytest.mark.parametrize("ahead", [365, 100])
def test_step_before_a_date_is_planned_once(desk: Desk, ahead: int):
    """180 days before a passport expires; a lead with less time left starts at its turn."""
    field = {"key": "passport_expiry", "label": "Passport", "type": "date"}
    assert desk.admin.post("/api/custom-fields", field).status == 201
    expiry = (now() + timedelta(days=ahead)).date()
    lead, without = desk.capture(custom={"passport_expiry": expiry.isoformat()}), desk.capture()
    before = {"time": "180 days", "of": "lead.custom.passport_expiry", "at": "09:00"}
    rule = make(desk, on="date.reached", before=before)
    job = backfill(desk, rule)
    assert reasons(desk, job) == {lead["id"]: None, without["id"]: "unmatched"}
    wanted = max((expiry - timedelta(days=180)), now().date())
    assert due(desk, lead).date() == wanted
    custom = {"passport_expiry": expiry.isoformat()}
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"custom": {"passport_expiry": None}}).status == 200
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"custom": custom}).status == 200
    assert len(desk.steps(lead, name=NAME)) == 1


def test_close_dates_are_spread_by_the_rate(desk: Desk):
    field = {"key": "passport_expiry", "label": "Passport", "type": "date"}
    assert desk.admin.post("/api/custom-fields", field).status == 201
    soon = (now() + timedelta(days=20)).date().isoformat()
    leads = [desk.capture(custom={"passport_expiry": soon}) for _ in range(3)]
    backfill(desk, make(desk, on="date.reached", before={"time": "180 days", "of": "lead.custom.passport_expiry"}))
    first, second, third = (due(desk, lead) for lead in leads)
    assert (second - first, third - first) == (timedelta(seconds=18), timedelta(seconds=36))  # 200 an hour


def test_delay_in_a_stage_counts_from_its_entry(desk: Desk):
    long_there, just_there = desk.capture(), desk.capture()
    entered = now() - timedelta(days=30)
    desk.sql("UPDATE leads SET stage_entered_at = :at, created_at = :at WHERE id = :l", at=entered, l=long_there["id"])
    rule = make(desk, on="lead.stage_entered", when=[{"field": "event.stage", "equals": "new_lead"}], after="7 days")
    job = backfill(desk, rule)
    created = datetime.fromisoformat(job["created_at"])
    assert created <= due(desk, long_there) <= created + MINUTE  # its week is past: it begins at its turn
    assert due(desk, just_there) == datetime.fromisoformat(just_there["created_at"]) + timedelta(days=7)


def test_moved_lead_has_the_event_of_its_current_stage(desk: Desk):
    lead = desk.capture()
    desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"})
    rule = make(desk, on="lead.stage_entered", when=[{"field": "event.stage", "equals": "contacted"}], after="1 day")
    backfill(desk, rule)
    [step] = desk.steps(lead, name=NAME)
    assert step["cause"]["event"] == "lead.stage_changed"


def test_leads_flagged_by_a_sweep_have_that_event(desk: Desk):
    stale, fresh = desk.capture(), desk.capture()
    desk.sql("UPDATE leads SET stale_since = now() WHERE id = :l", l=stale["id"])
    job = backfill(desk, make(desk, on=["lead.stale", "lead.stage_overdue"]))
    assert reasons(desk, job) == {stale["id"]: None, fresh["id"]: "unmatched"}


def test_closed_restricted_and_foreign_leads_are_skipped(desk: Desk, other_desk: Desk):
    lead, lost, restricted = (desk.capture() for _ in range(3))
    desk.admin.post(f"/api/leads/{lost['id']}/lost", {"reason": "OTHER"})
    desk.admin.post(f"/api/leads/{restricted['id']}/restrict", {"is_restricted": True, "reason": "They asked."})
    other_desk.capture(phone="+12125550143")
    assert set(reasons(desk, backfill(desk, make(desk)))) == {lead["id"]}


def test_changes_since_the_call_are_respected(desk: Desk):
    lead = desk.capture()
    job = start(desk, make(desk))
    desk.admin.post(f"/api/leads/{lead['id']}/lost", {"reason": "OTHER"})
    done = work_off(desk, job)
    assert (counts(done), reasons(desk, job)) == ((0, 0, 1, 0), {lead["id"]: "lead_is_closed"})


@pytest.mark.parametrize(
    ("on", "named"),
    [("quote.sent", "quote.sent"), (["lead.created", "lead.replied", "custom.tour"], "lead.replied, custom.tour")],
)
def test_event_that_leaves_no_state_is_refused(desk: Desk, on: Any, named: str):
    desk.capture()
    answer = desk.admin.post(f"{RULES}/{make(desk, on=on)}/backfill", {})
    assert answer.status == 409
    assert f"does not show {named}. A backfill supports lead.created, date.reached" in answer.body["detail"]
    assert desk.sql("SELECT FROM jobs") == []


def test_inactive_rule_must_be_activated_first(desk: Desk):
    for parts in ({"is_draft": True, "name": "draft"}, {"is_active": False}):
        assert desk.admin.post(f"{RULES}/{make(desk, **parts)}/backfill", {}).status == 409


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"per_hour": 0}, "/per_hour"), ({"per_hour": "9"}, "/per_hour"), ({"dry_run": 1}, "/dry_run"), ({"x": 1}, "/x")],
)
def test_validation_error_names_the_path(desk: Desk, body: dict[str, Any], pointer: str):
    assert desk.admin.post(f"{RULES}/{make(desk)}/backfill", body).pointers == [pointer]


def test_dry_run_writes_nothing_and_predicts_the_job(desk: Desk):
    reached, silent, nowhere = (
        desk.capture(tags=["vip"], email="a@lead.example"),
        desk.capture(tags=["vip"], email="b@lead.example"),
        desk.capture(tags=["vip"]),
    )
    desk.capture()
    desk.admin.post(f"/api/leads/{silent['id']}/opt-out", {})
    rule = make(
        desk,
        when=[{"field": "lead.tags", "contains": "vip"}],
        after="1 hour",
        do=[CALL, {"send_message": {"channel": "email", "template": "break-up-email", "transactional": True}}],
    )
    before = desk.sql("SELECT count(*) FROM steps"), desk.sql("SELECT count(*) FROM events")
    seen = preview(desk, rule, per_hour=60)
    assert (desk.sql("SELECT count(*) FROM steps"), desk.sql("SELECT count(*) FROM events")) == before
    assert (seen["leads"], seen["is_complete"], seen["have_steps"], seen["put_off"]) == (4, True, 0, {})
    job = backfill(desk, rule, per_hour=60)
    begun = {lead for lead, reason in reasons(desk, job).items() if reason is None}
    assert seen["matched"] == len(begun)
    assert begun == {reached["id"], silent["id"], nowhere["id"]}
    assert seen["steps"] == {"create_task": 3, "send_message": 3}
    assert seen["blocked"] == {"opted_out": 1, "no_address": 1}
    last = max(planned(desk))
    assert abs(datetime.fromisoformat(seen["last_due_at"]) - last) < MINUTE
    assert preview(desk, rule)["have_steps"] == 3


def test_cancelling_cancels_the_planned_steps_only(desk: Desk):
    early, late = desk.capture(), desk.capture()
    rule = make(desk, after="1 hour")
    own = desk.capture()
    job = backfill(desk, rule)
    desk.sql("UPDATE steps SET state = 'done' WHERE lead_id = :l AND name = :n", l=early["id"], n=NAME)
    cancelled = desk.admin.post(f"/api/jobs/{job['id']}/cancel")
    assert (cancelled.status, cancelled.body["state"]) == (200, "cancelled")
    found = {lead["id"]: desk.steps(lead, name=NAME)[0] for lead in (early, late, own)}
    assert [(step["state"], step["reason"]) for step in found.values()] == [
        ("done", None),
        ("cancelled", "job_cancelled"),
        ("planned", None),
    ]
    assert desk.admin.post(f"/api/jobs/{job['id']}/cancel").status == 200
    again = backfill(desk, rule)
    assert reasons(desk, again) == {early["id"]: "has_steps", late["id"]: None, own["id"]: "has_steps"}


def test_cancelling_a_running_job_stops_it_and_cancels_its_steps(desk: Desk):
    many_leads(desk, 1_200)
    job = start(desk, make(desk, after="1 hour"))
    first, *rest = chunks(desk, job)
    assert len(rest) == 2  # of 500 leads at most
    desk.sql("UPDATE steps SET due_at = now() + interval '1 hour' WHERE id = ANY(:rest)", rest=rest)
    run(first)
    assert len(planned(desk)) == 500
    cancelled = desk.admin.post(f"/api/jobs/{job['id']}/cancel").body
    assert (cancelled["state"], counts(cancelled)) == ("cancelled", (0, 500, 0, 700))
    desk.sql("UPDATE steps SET due_at = now() WHERE id = ANY(:rest)", rest=rest)
    run(*rest)
    ends = desk.sql("SELECT DISTINCT state, reason FROM steps WHERE name = :n", n=NAME)
    assert [tuple(end) for end in ends] == [("cancelled", "job_cancelled")]


def test_job_without_pending_steps_cannot_be_cancelled(desk: Desk):
    desk.capture()
    job = backfill(desk, make(desk, when=[{"field": "lead.tags", "contains": "vip"}]))
    assert desk.admin.post(f"/api/jobs/{job['id']}/cancel").status == 409


def test_impact_preview_ignores_events_of_a_backfill(desk: Desk):
    desk.capture()
    rule = make(desk)
    backfill(desk, rule)
    assert desk.admin.get(f"{RULES}/{rule}/impact").body["events"] == 1


def test_audit_log_names_the_user(desk: Desk):
    rule = make(desk)
    job = start(desk, rule, per_hour=30)
    entries = desk.admin.every("/api/audit", subject="rule")
    [entry] = [entry for entry in entries if "backfill" in (entry["after"] or {})]
    assert (entry["user_id"], entry["ids"]) == (desk.admin.id, [rule])
    assert entry["after"]["backfill"] == {"job_id": job["id"], "per_hour": 30}


def test_only_automation_managers_can_start_a_backfill(desk: Desk):
    rule = make(desk)
    assert desk.coordinator.post(f"{RULES}/{rule}/backfill", {}).status == 403
    assert desk.program("automation:manage").post(f"{RULES}/{rule}/backfill", {}).status == 202
