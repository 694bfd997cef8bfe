"""The clock on one page: what beat starts is what there is to start, on the queue that is worked off."""

from app.config import get_settings
from app.engine.broker import SWEEPS as SWEEPS_QUEUE
from beat_schedule import SCHEDULE, SWEEP_INTERVALS
from workers.app import SWEEP_TASKS, app
from workers.sweeps.run import AT_MOST, SWEEPS


def test_every_sweep_is_started_and_nothing_else_is():
    assert {*SWEEP_INTERVALS} == {*SWEEPS} == {*SWEEP_TASKS}


def test_each_entry_names_a_task_that_the_workers_know():
    assert {entry["task"] for entry in SCHEDULE.values()} <= app.tasks.keys()


def test_ticks_that_were_missed_do_not_pile_up():
    for entry in SCHEDULE.values():
        assert entry["options"]["expires"] == entry["schedule"]


def test_sweeps_have_a_queue_of_their_own():
    assert {entry["options"]["queue"] for entry in SCHEDULE.values()} == {SWEEPS_QUEUE}


def test_beat_has_this_schedule():
    assert app.conf.beat_schedule == SCHEDULE


def test_a_step_is_published_before_it_is_due_and_again_before_the_broker_would():
    settings = get_settings()

    # several ticks may be missed
    assert SWEEP_INTERVALS["publish_due_steps"] < settings.horizon_seconds / 2
    assert SWEEP_INTERVALS["publish_due_steps"] < settings.republish_after_seconds
    assert (
        settings.horizon_seconds + SWEEP_INTERVALS["publish_due_steps"] + settings.hard_time_limit
        < settings.visibility_timeout
    )


def test_a_task_is_overdue_within_a_minute():
    assert SWEEP_INTERVALS["mark_overdue_tasks"] + AT_MOST <= 60


def test_a_sweep_ends_by_itself_before_it_would_be_ended():
    assert get_settings().soft_time_limit > AT_MOST
