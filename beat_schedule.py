"""Beat schedule: all sweeps with their intervals in seconds.

Each message expires after its interval, because the next one replaces it.
"""

from typing import Any

EVERY: dict[str, float] = {
    "publish_due_steps": 5,  # steps that enter the horizon, and steps that should have run by now
    "rescue_expired_leases": 15,  # steps whose worker was interrupted during an outside call
    "mark_overdue_tasks": 20,  # a task is OVERDUE within a minute of its due time
    "take_census": 30,  # number of steps by state, for monitoring
    "assign_orphans": 60,  # open leads without a coordinator
    "cover_absences": 60,  # tasks of absent users are reassigned or postponed
    "detect_stale_leads": 300,  # leads without activity for `stale_after_days` of the clinic
    "detect_time_in_stage": 300,  # leads longer in a stage than its `max_days_in_stage`
    "date_rotting_leads": 20,  # new dates after a clinic or stage changed its limits; 10,000 leads per pass
    "find_leads_without_next_action": 20,  # 10,000 leads per pass: 100,000 in under four minutes
    "pause_failing_rules": 60,  # rules and sequences with too many failures, bounces or opt-outs
    "run_nurtures": 30,  # enrolls silent leads at hours in the clinic's local time
    "seal_audit": 60,  # extends the hash chain of the audit log
    "empty_archived_stages": 30,  # moves leads of archived stages to the stage that the clinic chose
    "forget_old_steps": 3600,  # finished steps after the retention time
    "forget_old_events": 3600,  # events and the decisions of rules
    "forget_old_jobs": 3600,
    "forget_old_sign_ins": 3600,
    "forget_old_imports": 3600,  # import files: they hold personal data of people who may never become leads
    "forget_old_links": 3600,  # password links
    "forget_old_answers": 3600,  # stored idempotency responses
    "forget_old_gateway_calls": 3600,  # calls per minute, and received event ids
}

SCHEDULE: dict[str, dict[str, Any]] = {
    name: {
        "task": f"sweeps.{name}",
        "schedule": seconds,
        "options": {"queue": "sweeps", "expires": seconds, "ignore_result": True},
    }
    for name, seconds in EVERY.items()
}
