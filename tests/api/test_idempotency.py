"""Idempotency: a POST repeated with one Idempotency-Key is executed once and gets the same answer."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from app.core.db import transaction
from app.http import idempotency
from tests.support.desk import Caller, Desk
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.desk"]

LEADS = "/api/leads"


def leads(desk: Desk) -> int:
    return len(desk.sql("SELECT id FROM leads"))


def test_repeated_call_is_executed_once_with_the_same_answer(desk: Desk):
    given = desk.lead_data()
    first, second = (desk.admin.post(LEADS, given, key="form-17") for _ in range(2))

    assert (first.status, second.status, leads(desk)) == (201, 201, 1)
    assert second.body == first.body
    assert [second.headers[name] for name in ("Location", "ETag")] == [
        first.headers[name] for name in ("Location", "ETag")
    ]
    assert (first.headers.get("Idempotent-Replayed"), second.headers["Idempotent-Replayed"]) == (None, "true")
    assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert len(desk.steps(first.body)) == 2  # its follow-ups, too, were planned once


def test_stored_answer_is_returned_after_the_lead_has_changed(desk: Desk):
    lead = desk.capture()
    answers = [desk.admin.post(f"{LEADS}/{lead['id']}/stage", {"stage": "contacted"}, key="move") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    desk.admin.post(f"{LEADS}/{lead['id']}/stage", {"stage": "consultation_scheduled"})

    again = desk.admin.post(f"{LEADS}/{lead['id']}/stage", {"stage": "contacted"}, key="move")

    assert again.body == answers[0].body
    assert desk.lead(lead)["pipeline_stage"] == "consultation_scheduled"


def test_same_key_with_another_payload_is_refused(desk: Desk):
    desk.admin.post(LEADS, desk.lead_data(), key="form-17")
    answer = desk.admin.post(LEADS, desk.lead_data(first_name="Bea"), key="form-17")

    assert (answer.status, answer.body["code"], leads(desk)) == (422, "idempotency-key-reused", 1)


def test_key_belongs_to_one_caller(desk: Desk, other_desk: Desk):
    callers = [desk.admin, desk.coordinator, desk.program("lead:create"), other_desk.admin]
    given = {"first_name": "Ana", "last_name": "Ruiz", "email": "ana@people.example"}
    sources = [desk.source_id] * 3 + [other_desk.source_id]
    answers = [
        caller.post(LEADS, {**given, "source_id": source}, key="1")
        for caller, source in zip(callers, sources, strict=True)
    ]
    assert [answer.status for answer in answers] == [201] * 4
    assert len({answer.body["id"] for answer in answers}) == 4


def test_key_belongs_to_one_path(desk: Desk):
    one, two = desk.capture(), desk.capture()
    task = {"title": "Call", "type": "CALL", "due_at": "2030-01-01T10:00:00Z"}
    made = [desk.admin.post(f"{LEADS}/{lead['id']}/tasks", task, key="1") for lead in (one, two)]

    assert [answer.status for answer in made] == [201, 201]
    assert {answer.body["lead_id"] for answer in made} == {one["id"], two["id"]}


def test_failed_call_can_be_repeated(desk: Desk):
    lead = desk.capture()
    move = f"{LEADS}/{lead['id']}/stage"
    assert desk.admin.post(move, {"stage": "nowhere"}, key="1").status == 422
    assert desk.admin.post(move, {"stage": "contacted"}, key="1").status == 200
    backwards = {"stage": "new_lead"}
    assert [desk.admin.post(move, backwards, key="2").status for _ in range(2)] == [409, 409]
    assert desk.sql("SELECT key FROM kept_answers WHERE key = '2'") == []


def test_answer_is_withheld_after_the_permission_is_lost(desk: Desk):
    desk.admin.post(LEADS, desk.lead_data(), key="1")
    desk.sql("UPDATE users SET role = 'doctor' WHERE id = :id", id=desk.admin.id)
    assert desk.admin.post(LEADS, desk.lead_data(), key="1").status == 403


def test_lead_is_rolled_back_when_the_answer_cannot_be_stored(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """Lead and answer are stored in one transaction."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "_save", fail)
        assert desk.admin.post(LEADS, desk.lead_data(), key="1").status == 500
    assert leads(desk) == 0
    assert desk.admin.post(LEADS, desk.lead_data(), key="1").status == 201
    assert leads(desk) == 1


def test_concurrent_repetition_gets_a_conflict(desk: Desk):
    desk.admin.post(LEADS, desk.lead_data(), key="1")
    call = ["clinic_id", "caller_id", "path", "key"]
    [[*parts]] = desk.sql(f"SELECT {', '.join(call)} FROM kept_answers")
    desk.sql("DELETE FROM kept_answers")
    with transaction() as running:
        running.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:call, 0))"), {"call": "\n".join(map(str, parts))}
        )
        answer = desk.admin.post(LEADS, desk.lead_data(), key="1")
    assert (answer.status, answer.body["code"]) == (409, "still-running")
    assert answer.headers["Retry-After"] == "1"
    assert desk.admin.post(LEADS, desk.lead_data(), key="1").status == 201


def test_fifty_concurrent_calls_create_one_lead(desk: Desk):
    def post(_: int) -> tuple[int, str | None]:
        caller = Caller(desk.client(), desk.admin.token, desk.admin.actor)
        answer = caller.post(LEADS, desk.lead_data(), key="rush")
        return answer.status, answer.body.get("id")

    _ = desk.admin
    with ThreadPoolExecutor(50) as pool:
        answers = Counter(pool.map(post, range(50)))

    assert leads(desk) == 1
    assert {status for status, _ in answers} <= {201, 409}
    assert len({id for status, id in answers if status == 201}) == 1  # noqa: A001
    assert desk.admin.post(LEADS, desk.lead_data(), key="rush").headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "ключ".encode().decode("latin-1")])
def test_key_must_be_visible_ascii(desk: Desk, key: str):
    answer = desk.admin.post(LEADS, desk.lead_data(), key=key)
    assert (answer.status, answer.body["code"], leads(desk)) == (400, "malformed-idempotency-key", 0)


def test_secret_of_an_answer_is_not_stored(desk: Desk):
    wanted = {"name": "A program", "scopes": ["lead:read"]}
    made, again = (desk.admin.post("/api/api-keys", wanted, key="1") for _ in range(2))

    assert (made.status, again.status, again.body["code"]) == (201, 409, "shown-once")
    kept = desk.sql("SELECT body FROM kept_answers")
    assert [row.body for row in kept] == [None]
    assert len(desk.admin.every("/api/api-keys")) == 1


def test_sign_in_stores_no_answer(desk: Desk):
    answer = desk.admin.client.post(
        "/api/auth/login", json={"email": "a@b.example", "password": "x" * 12}, headers={"Idempotency-Key": "1"}
    )
    assert answer.status_code == 401
    assert desk.sql("SELECT 1 FROM kept_answers") == []


def test_key_expires_after_a_day(desk: Desk):
    for _ in range(2):
        assert desk.admin.post(LEADS, desk.lead_data(), key="1").status == 201
        desk.sql("UPDATE kept_answers SET created_at = created_at - interval '24 hours'")
    assert leads(desk) == 2


def test_expired_answers_are_deleted(desk: Desk):
    for key in ("old", "new"):
        desk.admin.post(LEADS, desk.lead_data(), key=key)
    desk.sql("UPDATE kept_answers SET created_at = created_at - interval '25 hours' WHERE key = 'old'")
    sweep("forget_old_answers")
    assert [row.key for row in desk.sql("SELECT key FROM kept_answers")] == ["new"]


def test_call_without_a_body_may_have_a_key(desk: Desk):
    lead = desk.capture()
    answers = [desk.admin.post(f"{LEADS}/{lead['id']}/opt-out", key="1") for _ in range(2)]
    assert answers[0].body == answers[1].body
    assert answers[1].headers["Idempotent-Replayed"] == "true"


def test_large_import_may_have_a_key(desk: Desk):
    newcomers = [desk.lead_data(last_name=f"Number {n}", notes="x" * 900) for n in range(1500)]
    wanted = {"leads": newcomers, "followup": {"type": "CALL", "title": "Call", "due_in_minutes": 60}}
    jobs = [desk.admin.post("/api/followups/bulk", wanted, key="fair") for _ in range(2)]

    assert [job.status for job in jobs] == [202, 202]
    assert jobs[0].body["id"] == jobs[1].body["id"]
    assert len(desk.sql("SELECT id FROM jobs")) == 1
