"""Beat schedule: every sweep, its queue and its interval."""

from app.config import get_settings
from app.engine.broker import SWEEPS as SWEEPS_QUEUE
from beat_schedule import SCHEDULE, SWEEP_INTERVALS
from workers.app import SWEEP_TASKS, app
from workers.sweeps.run import AT_MOST, SWEEPS


def test_schedule_contains_every_sweep():
    assert {*SWEEP_INTERVALS} == {*SWEEPS} == {*SWEEP_TASKS}


def test_each_entry_names_a_registered_task():
    assert {entry["task"] for entry in SCHEDULE.values()} <= app.tasks.keys()


def test_missed_ticks_expire():
    for entry in SCHEDULE.values():
        assert entry["options"]["expires"] == entry["schedule"]


def test_sweeps_have_their_own_queue():
    assert {entry["options"]["queue"] for entry in SCHEDULE.values()} == {SWEEPS_QUEUE}


def test_beat_uses_this_schedule():
    assert app.conf.beat_schedule == SCHEDULE


def test_step_is_published_before_it_is_due_and_before_redelivery():
    settings = get_settings()

    # several ticks may be missed
    assert SWEEP_INTERVALS["publish_due_steps"] < settings.horizon_seconds / 2
    assert SWEEP_INTERVALS["publish_due_steps"] < settings.republish_after_seconds
    assert (
        settings.horizon_seconds + SWEEP_INTERVALS["publish_due_steps"] + settings.hard_time_limit
        < settings.visibility_timeout
    )


def test_overdue_tasks_are_found_within_a_minute():
    assert SWEEP_INTERVALS["mark_overdue_tasks"] + AT_MOST <= 60


def test_sweep_has_a_soft_time_limit_below_the_hard_one():
    assert get_settings().soft_time_limit > AT_MOST
