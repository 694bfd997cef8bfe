"""A POST that is sent twice with one Idempotency-Key is carried out once and answered alike."""

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


def test_it_is_carried_out_once_and_answered_alike(desk: Desk):
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


def test_what_was_answered_is_answered_again_though_the_lead_has_changed_since(desk: Desk):
    lead = desk.capture()
    answers = [desk.admin.post(f"{LEADS}/{lead['id']}/stage", {"stage": "contacted"}, key="move") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    desk.admin.post(f"{LEADS}/{lead['id']}/stage", {"stage": "consultation_scheduled"})

    again = desk.admin.post(f"{LEADS}/{lead['id']}/stage", {"stage": "contacted"}, key="move")

    assert again.body == answers[0].body
    assert desk.lead(lead)["pipeline_stage"] == "consultation_scheduled"


def test_the_same_key_with_another_payload_is_a_mistake(desk: Desk):
    desk.admin.post(LEADS, desk.lead_data(), key="form-17")
    answer = desk.admin.post(LEADS, desk.lead_data(first_name="Bea"), key="form-17")

    assert (answer.status, answer.body["code"], leads(desk)) == (422, "idempotency-key-reused", 1)


def test_a_key_is_its_callers_own(desk: Desk, other_desk: Desk):
    callers = [desk.admin, desk.coordinator, desk.program("lead:create"), other_desk.admin]
    given = {"first_name": "Ana", "last_name": "Ruiz", "email": "ana@people.example"}
    sources = [desk.source_id] * 3 + [other_desk.source_id]
    answers = [
        caller.post(LEADS, {**given, "source_id": source}, key="1")
        for caller, source in zip(callers, sources, strict=True)
    ]
    assert [answer.status for answer in answers] == [201] * 4
    assert len({answer.body["id"] for answer in answers}) == 4


def test_a_key_belongs_to_one_path(desk: Desk):
    one, two = desk.capture(), desk.capture()
    task = {"title": "Call", "type": "CALL", "due_at": "2030-01-01T10:00:00Z"}
    made = [desk.admin.post(f"{LEADS}/{lead['id']}/tasks", task, key="1") for lead in (one, two)]

    assert [answer.status for answer in made] == [201, 201]
    assert {answer.body["lead_id"] for answer in made} == {one["id"], two["id"]}


def test_a_call_that_failed_may_be_sent_again(desk: Desk):
    lead = desk.capture()
    move = f"{LEADS}/{lead['id']}/stage"
    assert desk.admin.post(move, {"stage": "nowhere"}, key="1").status == 422
    assert desk.admin.post(move, {"stage": "contacted"}, key="1").status == 200
    backwards = {"stage": "new_lead"}
    assert [desk.admin.post(move, backwards, key="2").status for _ in range(2)] == [409, 409]
    assert desk.sql("SELECT key FROM kept_answers WHERE key = '2'") == []


def test_who_may_no_longer_do_it_does_not_get_the_answer_again(desk: Desk):
    desk.admin.post(LEADS, desk.lead_data(), key="1")
    desk.sql("UPDATE users SET role = 'doctor' WHERE id = :id", id=desk.admin.id)
    assert desk.admin.post(LEADS, desk.lead_data(), key="1").status == 403


def test_without_its_answer_there_is_no_lead(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """They are one transaction: when the answer cannot be kept, nothing was done."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "_save", fail)
        assert desk.admin.post(LEADS, desk.lead_data(), key="1").status == 500
    assert leads(desk) == 0
    assert desk.admin.post(LEADS, desk.lead_data(), key="1").status == 201
    assert leads(desk) == 1


def test_while_it_runs_the_second_is_told_so(desk: Desk):
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


def test_fifty_at_once_make_one(desk: Desk):
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
def test_a_key_is_visible_ascii(desk: Desk, key: str):
    answer = desk.admin.post(LEADS, desk.lead_data(), key=key)
    assert (answer.status, answer.body["code"], leads(desk)) == (400, "malformed-idempotency-key", 0)


def test_a_secret_is_not_kept(desk: Desk):
    wanted = {"name": "A program", "scopes": ["lead:read"]}
    made, again = (desk.admin.post("/api/api-keys", wanted, key="1") for _ in range(2))

    assert (made.status, again.status, again.body["code"]) == (201, 409, "shown-once")
    kept = desk.sql("SELECT body FROM kept_answers")
    assert [row.body for row in kept] == [None]
    assert len(desk.admin.every("/api/api-keys")) == 1


def test_signing_in_keeps_nothing(desk: Desk):
    answer = desk.admin.client.post(
        "/api/auth/login", json={"email": "a@b.example", "password": "x" * 12}, headers={"Idempotency-Key": "1"}
    )
    assert answer.status_code == 401
    assert desk.sql("SELECT 1 FROM kept_answers") == []


def test_a_day_later_it_is_another_call(desk: Desk):
    for _ in range(2):
        assert desk.admin.post(LEADS, desk.lead_data(), key="1").status == 201
        desk.sql("UPDATE kept_answers SET created_at = created_at - interval '24 hours'")
    assert leads(desk) == 2


def test_what_is_past_is_forgotten(desk: Desk):
    for key in ("old", "new"):
        desk.admin.post(LEADS, desk.lead_data(), key=key)
    desk.sql("UPDATE kept_answers SET created_at = created_at - interval '25 hours' WHERE key = 'old'")
    sweep("forget_old_answers")
    assert [row.key for row in desk.sql("SELECT key FROM kept_answers")] == ["new"]


def test_a_call_without_a_body_has_a_key_too(desk: Desk):
    lead = desk.capture()
    answers = [desk.admin.post(f"{LEADS}/{lead['id']}/opt-out", key="1") for _ in range(2)]
    assert answers[0].body == answers[1].body
    assert answers[1].headers["Idempotent-Replayed"] == "true"


def test_an_import_of_many_megabytes_has_one_too(desk: Desk):
    newcomers = [desk.lead_data(last_name=f"Number {n}", notes="x" * 900) for n in range(1500)]
    wanted = {"leads": newcomers, "followup": {"type": "CALL", "title": "Call", "due_in_minutes": 60}}
    jobs = [desk.admin.post("/api/followups/bulk", wanted, key="fair") for _ in range(2)]

    assert [job.status for job in jobs] == [202, 202]
    assert jobs[0].body["id"] == jobs[1].body["id"]
    assert len(desk.sql("SELECT id FROM jobs")) == 1
