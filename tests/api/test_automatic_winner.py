"""Automatic winner of an A/B test: off by default, explained in the versions of the sequence."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.automation.sequences.performance import winner
from app.automation.sequences.performance.intervals import Share
from app.automation.sequences.performance.winner import find_winner
from app.clock import now
from app.core.db import transaction
from tests.support.desk import Desk, the_app
from tests.support.enrolling import playbook, sequence
from tests.support.practice import Practice
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice", "tests.support.desk"]

OpenPractice = Callable[..., Practice]
VARIANTS = [{"name": "a", "template": "one"}, {"name": "b", "template": "two"}]
# Finished steps of one version: as many of each variant, of which some were answered.
MESSAGES = """
WITH made AS (SELECT gen_random_uuid() AS enrollment, gen_random_uuid() AS message, n, variant,
        n < CASE variant WHEN 'a' THEN :a ELSE :b END AS has_reply, leads.id AS lead_id, leads.clinic_id,
        s.id AS sequence_id
    FROM leads JOIN sequences s ON s.clinic_id = leads.clinic_id, unnest(ARRAY['a', 'b']) AS variant,
        generate_series(0, 99) AS n
    WHERE leads.last_name = variant || n AND leads.clinic_id = (SELECT clinic_id FROM leads WHERE id = :lead)),
enrolled AS (INSERT INTO enrollments (id, clinic_id, lead_id, sequence_id, sequence_version, state, cause, enrolled_at,
        changed_at, ended_at, is_exclusive, exit_on, goal)
    SELECT enrollment, clinic_id, lead_id, sequence_id, 1, 'completed', '{}', CAST(:at AS timestamptz), now(), now(),
        false, '{}', '{}' FROM made),
sent AS (INSERT INTO notifications (id, clinic_id, lead_id, channel, template, subject, body, state, attempts,
        created_at, sent_at)
    SELECT message, clinic_id, lead_id, 'email', 'one', '', '', 'sent', 1, CAST(:at AS timestamptz),
        CAST(:at AS timestamptz) FROM made),
answered AS (INSERT INTO lead_activities (id, clinic_id, lead_id, type, direction, occurred_at, created_at,
        is_auto_reply)
    SELECT gen_random_uuid(), clinic_id, lead_id, 'EMAIL', 'INBOUND', CAST(:at AS timestamptz) + interval '1 day',
        now(), false FROM made WHERE has_reply)
INSERT INTO enrollment_steps (id, clinic_id, enrollment_id, sequence_id, sequence_version, step, kind, variant,
    notification_id, outcome, at)
SELECT gen_random_uuid(), clinic_id, enrollment, sequence_id, 1, 'hello', 'send_message', variant, message, 'done',
    CAST(:at AS timestamptz) FROM made
"""
LEADS = """
INSERT INTO leads (id, clinic_id, status, pipeline_stage, stage_entered_at, patient_first_name, patient_last_name,
    patient_relationship, first_name, last_name, preferred_contact, source_id, treatment_interest, failed_attempts,
    last_activity_at, created_at, updated_at, version, capture_channel, custom, tags, opted_out_channels, past_stages)
SELECT gen_random_uuid(), clinic_id, 'ACTIVE', pipeline_stage, now(), 'x', 'x', 'SELF', 'x', variant || n, 'EMAIL',
    source_id, '{}', 0, now(), now(), now(), 1, 'MANUAL', '{}', '{}', '{}', '{}'
FROM leads, unnest(ARRAY['a', 'b']) AS variant, generate_series(0, 99) AS n WHERE leads.id = :lead
"""


def start(open_practice: OpenPractice, *, a: int, b: int, **more: Any) -> tuple[Desk, str]:
    """Open a practice with a finished test of 100 messages each. `a`, `b`: how many were answered."""
    message = {"channel": "email", "variants": VARIANTS, **more}
    practice = open_practice(playbook=playbook(sequence({"name": "hello", "send_message": message})))
    lead = practice.capture()
    with transaction() as session:
        session.execute(text(LEADS), {"lead": lead})
        session.execute(text(MESSAGES), {"lead": lead, "a": a, "b": b, "at": now() - timedelta(days=5)})
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    [found] = desk.sql("SELECT id FROM sequences WHERE clinic_id = :c", c=practice.clinic_id)
    return desk, f"/api/sequences/{found.id}"


def published(desk: Desk, path: str) -> dict[str, Any]:
    message: dict[str, Any] = desk.admin.get(path).body["definition"]["steps"][0]["send_message"]
    return message


def test_the_winner_is_published_with_its_reason(open_practice: OpenPractice):
    desk, path = start(open_practice, a=5, b=60, winner="replied")

    sweep("choose_winners")

    assert published(desk, path) == {"channel": "email", "template": "two"}
    newest, first = desk.admin.get(f"{path}/versions").body["items"]
    assert (newest["number"], newest["created_by"], first["note"]) == (2, None, None)
    assert newest["note"].startswith(
        "Step hello: b wins automatically: replied 60.0% of 100 messages, against a 5.0% of 100; better by at least"
    )
    sweep("choose_winners")
    assert len(desk.admin.get(f"{path}/versions").body["items"]) == 2


@pytest.mark.parametrize(
    ("a", "b", "more"),
    [(5, 60, {}), (10, 14, {"winner": "replied"}), (5, 60, {"winner": "converted"})],
    ids=["off by default", "not decided", "another measure"],
)
def test_nothing_is_published_otherwise(open_practice: OpenPractice, a: int, b: int, more: dict[str, str]):
    desk, path = start(open_practice, a=a, b=b, **more)

    sweep("choose_winners")

    assert published(desk, path)["variants"] == VARIANTS


def test_a_draft_of_a_user_is_not_published(open_practice: OpenPractice):
    desk, path = start(open_practice, a=5, b=60, winner="replied")
    assert desk.admin.patch(path, {"description": "unfinished", "is_draft": True}).status == 200

    sweep("choose_winners")

    assert published(desk, path)["variants"] == VARIANTS
    assert desk.admin.get(path).body["draft"]["description"] == "unfinished"


def test_invalid_sequence_stops_no_other_winner(open_practice: OpenPractice):
    broken, broken_path = start(open_practice, a=5, b=60, winner="replied")
    broken.sql(
        "UPDATE sequences SET definition = jsonb_set(definition, '{steps,0,send_message,variants,1,template}',"
        " to_jsonb(CAST('gone' AS text)))"
    )
    sweep("choose_winners")
    assert published(broken, broken_path)["variants"][1]["template"] == "gone"
    [row] = broken.sql("SELECT error FROM sweep_runs WHERE name = 'choose_winners'")
    assert row.error is None


def test_undecided_tests_keep_no_other_test_from_its_winner(
    open_practice: OpenPractice, monkeypatch: pytest.MonkeyPatch
):
    undecided, undecided_path = start(open_practice, a=10, b=14, winner="replied")
    desk, path = start(open_practice, a=5, b=60, winner="replied")
    monkeypatch.setattr(winner, "_AT_ONCE", 1)
    for _ in range(32):
        sweep("choose_winners")
    assert published(desk, path) == {"channel": "email", "template": "two"}
    assert published(undecided, undecided_path)["variants"] == VARIANTS


def test_winner_needs_variants_and_a_known_measure(desk: Desk):
    def refused(**message: Any) -> list[str]:
        step = {"name": "hello", "send_message": {"channel": "email", **message}}
        return desk.admin.post("/api/sequences", {"name": "x", "steps": [step]}).pointers

    assert "/steps/0/send_message/winner" in refused(template="one", winner="replied")
    assert "/steps/0/send_message/winner" in refused(variants=VARIANTS, winner="smiles")


def test_a_winner_must_be_better_than_each_other_variant():
    clear = find_winner("replied", {"a": Share(10, 200), "b": Share(90, 200), "c": Share(20, 200)})
    shared = find_winner("replied", {"a": Share(10, 200), "b": Share(90, 200), "c": Share(88, 200)})

    assert clear is not None
    assert clear.variant == "b"
    assert shared is None
    assert find_winner("replied", {"a": Share(0, 20), "b": Share(20, 20)}) is None
