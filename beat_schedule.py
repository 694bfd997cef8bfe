"""The whole clock on one page: what beat starts, and how often (in seconds).

A tick that could not be worked off before the next one is worth nothing, so each expires with its interval.
"""

from typing import Any

EVERY: dict[str, float] = {
    "publish_due_steps": 5,  # what enters the horizon, and what should have run by now
    "rescue_expired_leases": 15,  # whose worker was cut off while somebody outside was asked
    "mark_overdue_tasks": 20,  # overdue within a minute of being due
    "take_census": 30,  # how many steps are in which state, for those who watch
    "assign_orphans": 60,  # no open lead is without a coordinator for longer
    "cover_absences": 60,  # the tasks of those who are away go to others, or wait
    "detect_stale_leads": 300,  # no activity for as long as the clinic says
    "detect_time_in_stage": 300,  # longer in a stage than the stage allows
    "date_rotting_leads": 20,  # whose clinic or stage changed how long is too long; ten thousand leads at a time
    "find_leads_without_next_action": 20,  # the same way: all of a hundred thousand in less than four minutes
    "pause_failing_rules": 60,  # of which too much failed, bounced or was answered by an opt-out
    "run_nurtures": 30,  # leads that are taken into sequences at hours of their clinic's wall
    "seal_audit": 60,  # who saw and changed what, so that it cannot be changed unnoticed
    "empty_archived_stages": 30,  # leads in a stage that was given up go where the clinic said
    "forget_old_steps": 3600,  # finished, and kept long enough
    "forget_old_events": 3600,  # with what rules decided about them
    "forget_old_jobs": 3600,
    "forget_old_sign_ins": 3600,
    "forget_old_imports": 3600,  # files of leads: they hold people who may never become leads
    "forget_old_links": 3600,  # by which a password was to be chosen
    "forget_old_answers": 3600,  # those kept for a call that is sent twice
    "forget_old_gateway_calls": 3600,  # how many there were by the minute, and which came back
}

SCHEDULE: dict[str, dict[str, Any]] = {
    name: {
        "task": f"sweeps.{name}",
        "schedule": seconds,
        "options": {"queue": "sweeps", "expires": seconds, "ignore_result": True},
    }
    for name, seconds in EVERY.items()
}
