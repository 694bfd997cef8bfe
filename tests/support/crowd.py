"""A database as it looks after a year: 100,000 leads, a million steps, and what belongs to them.

Written by the owner, set-wise, with the indexes built at the end: rows one by one would take an hour.
"""

import json

import psycopg

LEADS, STEPS_PER_LEAD, TASKS, ACTIVITIES, NOTIFICATIONS = 100_000, 10, 200_000, 200_000, 200_000

# Four fifths of everything is one clinic's: what is quick for all is quick for the largest. Ages are spread over
# 300 days; `mod` and the numbers beside it say how much of what there is.
_CLINIC = "CASE WHEN mod(n, 5) < 4 THEN 1 ELSE 2 + mod(n / 5, 4) END"



def _id(at: str, n: str) -> str:
    """SQL for a UUIDv7 of that moment. PostgreSQL's own takes six times as long: it throws dice for each."""
    return f"(lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex({n}), 12, '0'))::uuid"


_LEADS = f"""
INSERT INTO leads (
    id, clinic_id, status, pipeline_stage, stage_entered_at, stage_overdue_since, patient_first_name, patient_last_name,
    patient_relationship, first_name, last_name, email, phone, preferred_contact, source_id, treatment_interest,
    assigned_to_id, lost_reason, failed_attempts, last_activity_at, stale_since, created_at, updated_at, version
)
SELECT {_id('now() - age', 'n')}, c.clinic_id, status, stage, now() - age / 2, CASE WHEN mod(n, 50) > 0 THEN now() END, 'Mia', 'Keller',
    'SELF', 'Mia', 'Keller', 'mia' || n || '@lead.example', '+12125550143', 'PHONE',
    c.sources[1 + mod(n, cardinality(c.sources))], '{{}}', c.team[1 + mod(n, cardinality(c.team))],
    CASE WHEN status = 'LOST' THEN 'OTHER' END, mod(n, 4), now() - age / 3, CASE WHEN mod(n, 40) > 0 THEN now() END,
    now() - age, now() - age, 1
FROM (
    SELECT n, {_CLINIC} AS nth, interval '300 days' * (1 - n / {LEADS}.0) AS age,
        (ARRAY['NEW','ACTIVE','ACTIVE','ACTIVE','CONVERTED','LOST','LOST','LOST','NEW','ACTIVE'])[1 + mod(n, 10)] AS status,
        (ARRAY['new_lead','contacted','consultation_scheduled','pending_decision','lost'])[1 + mod(n / 7, 5)] AS stage
    FROM generate_series(1, {LEADS}) AS n
) AS g JOIN crowd AS c USING (nth)
"""

_PARAMS = json.dumps({  # enough for a step of any kind
    "title": "Call", "type": "CALL", "task_due_at": "2030-01-01T12:00:00+00:00", "channels": ["in_app", "email"],
    "channel": "email", "template": "break-up-email", "transactional": True, "reason": "OTHER",
})  # fmt: skip

# Of ten steps of a lead nine are long done; one in ten leads has the tenth within the next hours, the rest later.
# What is done is kept short: a million rows have to be written.
_STEPS = f"""
INSERT INTO steps (
    id, clinic_id, lead_id, kind, name, cause, params, stop_on, due_at, state, error, attempts, published_at,
    lease_until, dedupe_key, created_at, finished_at
)
SELECT {_id("due_at - interval '1 hour'", 'n * 16 + i')}, clinic_id, lead_id, kind, 'call', '{{}}',
    CASE WHEN i = {STEPS_PER_LEAD} THEN '{_PARAMS}'::jsonb ELSE '{{}}' END,
    CASE WHEN i = {STEPS_PER_LEAD} THEN '{{lead.replied,lead.converted,lead.lost}}'::text[] ELSE '{{}}' END, due_at, state,
    CASE WHEN state = 'failed' THEN 'no' END, CASE WHEN state IN ('planned', 'published') THEN 0 ELSE 1 END,
    CASE WHEN state <> 'planned' THEN due_at END,
    CASE WHEN state = 'running' THEN now() + (mod(n, 200) - 100) * interval '1 second' END,
    CASE WHEN i = {STEPS_PER_LEAD} THEN 'call:' || lead_id END, due_at,
    CASE WHEN state IN ('planned', 'published', 'running') THEN NULL ELSE due_at END
FROM (
    SELECT l.id AS lead_id, l.clinic_id, l.n, i,
        (ARRAY['create_task','remind','escalate','send_message','suggest_lost','deliver'])[1 + mod(l.n + i, 6)] AS kind,
        CASE WHEN i < {STEPS_PER_LEAD} THEN l.created_at + interval '1 day' * i / 10
             WHEN mod(l.n, 10) = 0 THEN now() + (mod(l.n, 7200) - 600) * interval '1 second'
             ELSE now() + mod(l.n, 700) * interval '1 hour' END AS due_at,
        CASE WHEN i = {STEPS_PER_LEAD} THEN CASE WHEN mod(l.n, 20) = 0 THEN 'published' ELSE 'planned' END
             WHEN mod(l.n, 500) = i THEN 'failed' WHEN mod(l.n, 1000) = 500 + i THEN 'unknown'
             WHEN mod(l.n, 1000) = 600 + i THEN 'running' ELSE 'done' END AS state
    FROM (SELECT *, row_number() OVER () AS n FROM leads) AS l CROSS JOIN generate_series(1, {STEPS_PER_LEAD}) AS i
) AS s
"""

_TASKS = f"""
INSERT INTO lead_tasks (
    id, clinic_id, lead_id, title, type, priority, assigned_to_id, due_at, status, created_at, updated_at, version
)
SELECT {_id("due_at - interval '1 day'", 'n * 16 + i')}, clinic_id, id, 'Call back', 'CALL', 'NORMAL', assigned_to_id, due_at,
    CASE WHEN due_at > now() THEN 'PENDING' WHEN mod(n, 10) = 0 THEN 'OVERDUE' WHEN mod(n, 401) = 0 THEN 'IN_PROGRESS'
         WHEN mod(n, 7) = 0 THEN 'CANCELLED' ELSE 'COMPLETED' END, due_at, due_at, 1
FROM (
    SELECT l.id, l.clinic_id, l.assigned_to_id, i, n, CASE WHEN i = 1 THEN l.created_at + interval '1 day'
                           ELSE now() + (mod(n, 1000) - 300) * interval '1 hour' END AS due_at
    FROM (SELECT *, row_number() OVER () AS n FROM leads) AS l CROSS JOIN generate_series(1, {TASKS // LEADS}) AS i
) AS t
"""

_ACTIVITIES = f"""
INSERT INTO lead_activities (id, clinic_id, lead_id, type, channel, direction, outcome, notes, occurred_at, created_at)
SELECT {_id("created_at + interval '1 hour' * i", 'n * 16 + i')}, clinic_id, id, 'PHONE_CALL', 'phone', 'OUTBOUND', 'no_answer',
    'Nobody there', created_at + interval '1 hour' * i, created_at + interval '1 hour' * i
FROM (SELECT *, row_number() OVER () AS n FROM leads) AS l CROSS JOIN generate_series(1, {ACTIVITIES // LEADS}) AS i
"""

_NOTIFICATIONS = f"""
INSERT INTO notifications (
    id, clinic_id, lead_id, user_id, channel, template, address, subject, body, message_id, state, attempts, created_at,
    sent_at, read_at
)
SELECT {_id("created_at + interval '1 hour'", 'n * 16 + i')}, clinic_id, id, assigned_to_id,
    CASE i WHEN 1 THEN 'in_app' ELSE 'email' END, 'task-reminder', CASE i WHEN 1 THEN NULL ELSE email END, 'Coming up',
    'Hello', id::text, CASE WHEN i = 1 THEN 'sent' WHEN mod(n, 100) = 0 THEN 'failed' WHEN mod(n, 300) = 1 THEN 'unknown'
    ELSE 'sent' END, 1, created_at, created_at, CASE WHEN mod(n, 10) > 0 THEN created_at END
FROM (SELECT *, row_number() OVER () AS n FROM leads) AS l CROSS JOIN generate_series(1, {NOTIFICATIONS // LEADS}) AS i
"""

_DELIVERIES = f"""
INSERT INTO deliveries (id, clinic_id, notification_id, attempt, outcome, response, started_at, finished_at)
SELECT {_id('created_at', 'row_number() OVER ()')}, clinic_id, id, 1, 'sent', '250 OK', created_at, created_at
FROM notifications WHERE channel = 'email'
"""

_CROWD = """
CREATE TEMPORARY TABLE crowd AS
SELECT row_number() OVER (ORDER BY id) AS nth, id AS clinic_id,
    ARRAY(SELECT id FROM lead_sources WHERE clinic_id = c.id ORDER BY id) AS sources,
    ARRAY(SELECT id FROM users WHERE clinic_id = c.id ORDER BY id) AS team
FROM clinics AS c
"""

# What is not a constraint's: those are few, and stay.
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes i
WHERE schemaname = 'public' AND tablename = ANY(%s) AND indexname NOT LIKE 'pk%%'
"""
BIG = ["leads", "steps", "lead_tasks", "lead_activities", "notifications", "deliveries"]


def fill(owner: psycopg.Connection) -> None:
    """Fill a migrated database that has its clinics, with sources and users, and nothing else."""
    indexes = owner.execute(_INDEXES, [BIG]).fetchall()
    with owner.transaction():
        owner.execute("SET LOCAL session_replication_role = replica")  # the rows are right: no key is looked up
        owner.execute("SET LOCAL maintenance_work_mem = '256MB'")
        for name, _ in indexes:
            owner.execute(f'DROP INDEX "{name}"')
        owner.execute("ALTER TABLE steps DROP CONSTRAINT pk_steps")
        for statement in (_CROWD, _LEADS, _STEPS, _TASKS, _ACTIVITIES, _NOTIFICATIONS, _DELIVERIES):
            owner.execute(statement)
        owner.execute("ALTER TABLE steps ADD CONSTRAINT pk_steps PRIMARY KEY (id)")
        for _, definition in indexes:
            owner.execute(definition)
    owner.execute("VACUUM ANALYZE")
