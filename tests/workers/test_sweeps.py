"""Sweeps in general: leases, retention, repetition, concurrency and interruption."""

import zlib
from datetime import timedelta
from typing import Any

import pytest

from app import clock, create_app
from app.engine.models import Kind
from app.leads.search.lookup import new_lead_id
from app.ops.embedded import Postgres, Valkey
from tests.support.concurrency import run_concurrently
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch, sql
from workers.app import SWEEP_TASKS
from workers.sweeps.run import SWEEPS, sweep

MAKE = Kind.CREATE_TASK
ADVISORY_KEYS = [zlib.crc32(name.encode()) for name in SWEEPS]


def last_run(name: str) -> Any:
    [run] = sql("SELECT * FROM sweep_runs WHERE name = :name", name=name)
    return run


class TestLeases:
    def step_in_delivery(self, practice: Practice, *, lease_until: Any) -> Any:
        lead = practice.capture()
        practice.fail_to_reach(lead)
        practice.run(Kind.SEND_MESSAGE)
        step = practice.step(kind="deliver")
        sql("UPDATE steps SET state = 'running', lease_until = :lease WHERE id = :id", lease=lease_until, id=step.id)
        sql("UPDATE notifications SET state = 'sending', attempts = 1 WHERE channel = 'email'")
        sql(
            "INSERT INTO deliveries (id, clinic_id, notification_id, attempt, started_at)"
            " SELECT gen_random_uuid(), clinic_id, id, 1, :now FROM notifications WHERE channel = 'email'",
            now=TUESDAY,
        )
        return step

    def test_step_of_an_interrupted_worker_is_in_doubt(self, practice: Practice, watch: Watch):
        self.step_in_delivery(practice, lease_until=TUESDAY + timedelta(seconds=90))
        watch.advance(seconds=90)
        assert sweep("rescue_expired_leases") == 0

        watch.advance(seconds=1)
        assert sweep("rescue_expired_leases") == 1
        assert sweep("rescue_expired_leases") == 0

        step, note, [delivery] = (
            practice.step(kind="deliver"),
            practice.row("notifications", channel="email"),
            practice.rows("deliveries"),
        )
        assert (step.state, note.state, delivery.outcome) == ("unknown", "unknown", "unknown")
        assert "may or may not have arrived" in step.error
        assert step.error == note.error == delivery.response
        assert step.finished_at == delivery.finished_at == clock.now()

    def test_step_in_doubt_is_not_sent_again(self, practice: Practice, watch: Watch, valkey: Valkey):
        step = self.step_in_delivery(practice, lease_until=TUESDAY)
        watch.advance(days=2)
        sweep("rescue_expired_leases")
        valkey.flush()
        sweep("publish_due_steps")

        assert practice.run(Kind.DELIVER, step) == 0
        assert not messages(valkey, "deliveries")

    def test_recorded_outcome_is_not_in_doubt(self, practice: Practice, watch: Watch):
        self.step_in_delivery(practice, lease_until=TUESDAY)
        sql("UPDATE notifications SET state = 'sent'")
        sql("UPDATE deliveries SET outcome = 'sent', response = '250 OK', finished_at = :now", now=TUESDAY)
        watch.advance(seconds=1)
        sweep("rescue_expired_leases")

        assert practice.row("notifications", channel="email").state == "sent"
        assert practice.row("deliveries").outcome == "sent"


class TestRetention:
    @pytest.mark.parametrize(
        ("state", "days", "forgotten"),
        [
            ("done", 91, True),
            ("skipped", 91, True),
            ("cancelled", 91, True),
            ("done", 89, False),
            ("failed", 500, False),  # until a user resolves it
            ("unknown", 500, False),
            ("planned", 500, False),
            ("running", 500, False),
        ],
    )
    def test_old_finished_steps_are_deleted(
        self, practice: Practice, watch: Watch, state: str, days: int, forgotten: bool
    ):
        then = TUESDAY - timedelta(days=days)
        practice.fill(1, MAKE, due_at=then, state=state, id=new_lead_id(then), finished_at=then)

        assert sweep("forget_old_steps") == int(forgotten)
        assert len(practice.steps()) == int(not forgotten)

    def test_old_step_that_finished_recently_is_kept(self, practice: Practice, watch: Watch):
        made = new_lead_id(TUESDAY - timedelta(days=300))
        practice.fill(1, MAKE, due_at=TUESDAY, state="done", id=made, finished_at=TUESDAY - timedelta(days=1))

        assert sweep("forget_old_steps") == 0

    def test_counters_outlive_their_process(self, practice: Practice, watch: Watch):
        for _ in range(2):
            practice.fill(3, MAKE, due_at=TUESDAY)
            practice.run(MAKE)
            watch.advance(hours=2)
            sweep("forget_old_steps")

        done = [
            row for row in sql("SELECT * FROM counters") if row.labels == '{"kind": "create_task", "outcome": "done"}'
        ]
        assert [(row.process, row.value) for row in done] == [("past", 6)]


FINDS_EACH_CLINIC = {"train_scores"}  # once a day, also without leads


class TestEverySweep:
    @pytest.mark.parametrize("name", sorted(SWEEPS))
    def test_time_of_the_last_run_is_stored(self, practice: Practice, watch: Watch, name: str):
        assert sweep(name) == (name in FINDS_EACH_CLINIC)
        watch.advance(minutes=1)
        sweep(name)

        run = last_run(name)
        assert (run.started_at, run.finished_at, run.runs, run.error) == (clock.now(), clock.now(), 2, None)

    def test_count_of_the_last_run_is_stored(self, practice: Practice, watch: Watch):
        practice.plan(practice.capture(), TUESDAY + timedelta(hours=1))
        watch.advance(hours=2)
        for _ in range(2):
            sweep("mark_overdue_tasks")

        assert last_run("mark_overdue_tasks").result == {"found": 1}

    @pytest.mark.parametrize("name", sorted(SWEEPS))
    def test_sweep_is_skipped_while_another_one_runs(
        self, practice: Practice, postgres: Postgres, watch: Watch, name: str
    ):
        practice.fill(2, MAKE, due_at=TUESDAY, state="planned", published_at=None)
        with postgres.connect("relance") as other:
            other.autocommit = False
            other.execute("SELECT pg_advisory_xact_lock(n) FROM unnest(%s::bigint[]) AS n", [ADVISORY_KEYS])
            assert sweep(name) == 0
            other.rollback()
        assert {step.state for step in practice.steps()} == {"planned"}

    def test_two_beats_publish_each_step_once(self, practice: Practice, valkey: Valkey):
        ids = practice.fill(300, MAKE, due_at=TUESDAY, state="planned", published_at=None)
        found = run_concurrently(*[lambda: sweep("publish_due_steps")] * 3)

        assert sum(found) == 300
        assert sorted(step_id for message in messages(valkey) for step_id in message.ids) == sorted(ids)

    def test_two_beats_flag_each_task_once(self, practice: Practice, watch: Watch):
        for _ in range(20):
            practice.plan(practice.capture(), TUESDAY + timedelta(hours=1))
        watch.advance(hours=2)
        found = run_concurrently(*[lambda: sweep("mark_overdue_tasks")] * 3)

        assert sum(found) == 20
        assert len(practice.steps(name="overdue-24h")) == 20

    def test_failed_sweep_reports_its_error_and_the_next_one_succeeds(
        self, practice: Practice, watch: Watch, postgres: Postgres
    ):
        practice.plan(practice.capture(), TUESDAY + timedelta(hours=1))
        watch.advance(hours=2)
        with postgres.connect("relance") as owner:
            owner.execute("ALTER TABLE lead_tasks ADD CONSTRAINT never CHECK (status <> 'OVERDUE')")
            try:
                with pytest.raises(Exception, match="never"):
                    sweep("mark_overdue_tasks")
            finally:
                owner.execute("ALTER TABLE lead_tasks DROP CONSTRAINT never")

        run = last_run("mark_overdue_tasks")
        assert run.error.startswith('CheckViolation: new row for relation "lead_tasks" violates')
        assert "Call back" not in run.error  # the row that it was about
        assert practice.row("lead_tasks").status == "PENDING"
        assert sweep("mark_overdue_tasks") == 1
        assert last_run("mark_overdue_tasks").error is None

    def test_crash_reports_to_workers_and_flower_contain_no_personal_data(
        self, practice: Practice, watch: Watch, postgres: Postgres
    ):
        practice.capture(first_name="Canary", email="canary@lead.example")
        watch.advance(days=20)
        with postgres.connect("relance") as owner:
            owner.execute("ALTER TABLE leads ADD CONSTRAINT never CHECK (stale_since IS NULL)")
            told = SWEEP_TASKS["detect_stale_leads"].apply()
            owner.execute("ALTER TABLE leads DROP CONSTRAINT never")

        assert told.failed()
        assert "CheckViolation" in repr(told.result)
        assert "anary" not in f"{told.result!r} {told.traceback}"

    def test_step_counts_are_available_as_metrics(self, practice: Practice, watch: Watch):
        practice.fill(3, MAKE, due_at=TUESDAY + timedelta(hours=1), state="planned", published_at=None)
        practice.fill(2, MAKE, due_at=TUESDAY)
        practice.fill(1, Kind.DELIVER, due_at=TUESDAY, state="failed")
        practice.fill(1, Kind.DELIVER, due_at=TUESDAY, state="running", lease_until=TUESDAY)
        practice.fill(5, MAKE, due_at=TUESDAY, state="done", finished_at=TUESDAY)  # not part of the metric
        sweep("take_census")

        counted = {(row["kind"], row["state"]): row["n"] for row in last_run("census").result["steps"]}
        assert counted == {
            ("create_task", "planned"): 3,
            ("create_task", "published"): 2,
            ("deliver", "failed"): 1,
            ("deliver", "running"): 1,
        }

    def test_a_slow_count_of_pending_steps_is_repeated_later_and_the_oldest_is_known_at_once(
        self, practice: Practice, watch: Watch
    ):
        practice.fill(2, MAKE, due_at=TUESDAY + timedelta(hours=1), state="planned", published_at=None)
        sweep("take_census")
        sql("UPDATE sweep_runs SET result = jsonb_set(result, '{pending,seconds}', '3') WHERE name = 'census'")
        practice.fill(1, MAKE, due_at=TUESDAY + timedelta(minutes=1), state="planned", published_at=None)
        watch.advance(minutes=4)
        sweep("take_census")

        [counted] = last_run("census").result["steps"]
        assert counted["n"] == 2
        assert counted["oldest"].startswith((TUESDAY + timedelta(minutes=1)).isoformat()[:19])  # for older processes
        assert (
            'relance_oldest_overdue_seconds{kind="create_task"} 180.0'
            in create_app().test_client().get("/metrics").text
        )

        watch.advance(minutes=1)
        sweep("take_census")
        assert [row["n"] for row in last_run("census").result["steps"]] == [3]
