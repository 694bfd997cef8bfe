"""Beat schedule: every periodic sweep and its interval in seconds.

Each message expires after one interval, so sweeps do not pile up while no worker runs.
"""

from typing import Any

SWEEP_INTERVALS: dict[str, float] = {
    "publish_due_steps": 5,  # steps that enter the horizon, and steps that are overdue
    "watch_channels": 5,  # asks a channel or gateway that is down once a minute, and releases waiting messages
    "call_due_webhooks": 5,  # retries of webhook calls
    "settle_tracking_hits": 5,  # decides whether persons or programs opened e-mails
    "decide_late_questions": 300,  # about messages of leads that no user decided in time
    "watch_mailboxes": 60,  # notifies the admins of a mailbox that has failed for an hour
    "rescue_expired_leases": 15,  # steps whose worker stopped during an external call
    "mark_overdue_tasks": 20,  # a task becomes overdue at most a minute after its due time
    "take_census": 30,  # step counts by state, for monitoring
    "assign_orphans": 60,  # assigns open leads that have no coordinator
    "cover_absences": 60,  # reassigns or postpones the tasks of absent users
    "begin_follow_ups": 60,  # of leads imported without follow-ups, on the date that the import sets
    "detect_stale_leads": 300,  # no activity for the number of days that the clinic sets
    "detect_time_in_stage": 300,  # leads that exceed the stage's time limit
    "index_for_search": 20,  # leads and timeline entries without search keys, such as those from before an upgrade
    "index_subjects": 60,  # messages without search keys, such as those from before an upgrade
    "date_rotting_leads": 20,  # recalculates rot dates after a limit changed; 10,000 leads per run
    "find_leads_without_next_action": 20,  # in batches: 100,000 leads take less than four minutes
    "learn_contact_hours": 60,  # contacts by hour, once a day for each clinic
    "score_changed_leads": 30,  # scores of leads after events
    "rescore_leads": 60,  # scores that change as time passes; 2,000 leads per run
    "roll_up_leads": 30,  # counts leads of past days and months for reports; again after changes
    "roll_up_tasks": 30,  # counts tasks due on past days for reports; again after changes
    "choose_winners": 3600,  # of A/B tests with `winner`: publishes the best variant
    "train_scores": 600,  # learned scores; each clinic once a day
    "pause_failing_rules": 60,  # rules with too many failures, bounces or opt-outs
    "send_digests": 300,  # to admins, once per day: what has waited for a person for more than an hour
    "plan_digests": 60,  # daily digests of users with notices that wait for one
    "plan_weekly_summaries": 300,  # to admins, on Mondays
    "plan_reports": 300,  # e-mails with saved reports, weekly and monthly
    "run_nurtures": 30,  # enrolls leads at the hours set in the clinic's local time
    "seal_audit": 60,  # extends the hash chain of the audit log
    "empty_archived_stages": 30,  # moves leads out of archived stages
    "forget_old_steps": 3600,  # finished steps past the retention period
    "forget_old_events": 3600,  # events with their rule decisions
    "forget_old_jobs": 3600,
    "forget_old_sign_ins": 3600,
    "forget_old_imports": 3600,  # uploaded lead files: they hold personal data
    "forget_old_links": 3600,  # invitation and password reset links
    "forget_old_counters": 3600,  # rate counters in PostgreSQL
    "forget_old_answers": 3600,  # stored responses for idempotency keys
    "forget_old_raw_emails": 3600,  # raw text and attachments of mail that arrived
    "forget_old_tracking_hits": 3600,  # opens and clicks of e-mails; their counts stay
    "forget_old_history": 3600,  # tasks and activities of closed leads, in clinics that set a time
    "forget_old_scores": 3600,  # history of scores; the present ones stay
    "forget_old_gateway_calls": 3600,  # call counts per minute and call results
    "forget_old_webhooks": 3600,  # webhook deliveries
}

SCHEDULE: dict[str, dict[str, Any]] = {
    name: {
        "task": f"sweeps.{name}",
        "schedule": seconds,
        "options": {"queue": "sweeps", "expires": seconds, "ignore_result": True},
    }
    for name, seconds in SWEEP_INTERVALS.items()
}
