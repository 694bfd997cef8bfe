"""Rows of a database after a year, in ratios as in production: 30,000 leads, 300,000 steps and their other rows.

The planner decides by ratios and statistics: a database three times as large gets the same plans. The owner inserts
the rows with a few statements and builds the indexes at the end.
"""

import json
from uuid import UUID

import psycopg

from app.analytics.statements.rolled_up.opening_hours import OPENING_HASH

LEADS, STEPS_PER_LEAD, TASKS, ACTIVITIES, NOTIFICATIONS = 30_000, 10, 60_000, 60_000, 60_000
SOURCES = 6  # of each clinic that leads come from
TASK_TEMPLATE = UUID("00000000-0000-7000-8000-00000000007e")  # one task in ten was created from it
LARGE_TABLES = [
    *("leads", "steps", "lead_tasks", "lead_activities", "notifications", "deliveries"),
    *("audit_entries", "lead_touches", "gateway_minutes", "gateway_receipts", "series_hours", "enrollments"),
    *(
        "enrollment_steps",
        "sending_account_counts",
        "lead_rollup_counts",
        "lead_rollup_stays",
        "lead_rollup_entries",
        "task_rollup_days",
        "lead_score_changes",
        "lead_search",
    ),
]


def fill(owner: psycopg.Connection) -> None:
    """Fill a migrated database that has only five clinics with sources and users."""
    indexes = owner.execute(_INDEXES, [LARGE_TABLES]).fetchall()
    with owner.transaction():
        owner.execute("SET LOCAL session_replication_role = replica")  # skips foreign keys and triggers
        owner.execute("SET LOCAL maintenance_work_mem = '256MB'")
        for name, _ in indexes:
            owner.execute(f'DROP INDEX "{name}"')
        owner.execute("ALTER TABLE steps DROP CONSTRAINT pk_steps")
        for statement in (
            *_ROWS,
            _AUDIT,
            _TOUCHES,
            *_GATEWAYS,
            *_ACCOUNTS,
            _SERIES,
            *_SEQUENCES,
            *_ROLLUPS,
            *_SEARCH,
            _MERGED,
        ):
            owner.execute(statement)
        owner.execute("ALTER TABLE steps ADD CONSTRAINT pk_steps PRIMARY KEY (id)")
        for _, definition in indexes:
            owner.execute(definition)
    owner.execute("VACUUM ANALYZE")


def _id(at: str, n: str) -> str:
    """Return SQL for a UUIDv7 with that time. PostgreSQL's own function takes six times as long."""
    milliseconds = f"(extract(epoch FROM {at}) * 1000)::bigint"
    return f"(lpad(to_hex({milliseconds}), 12, '0') || '70008000' || lpad(to_hex({n}), 12, '0'))::uuid"


def _random(salt: int, sides: int | str, n: str = "n") -> str:
    """Return SQL for a pseudo-random number from 0 to `sides - 1`, determined by the row's number and the salt."""
    return f"mod(hashint8(({n})::bigint * 64 + {salt}) & 2147483647, {sides})"


# One lost lead in five is a duplicate that merged into another lead of the clinic.
_MERGED = f"""
UPDATE leads l SET merged_into_id = s.survivor, deleted_at = now()
FROM (SELECT id, row_number() OVER () AS n, first_value(id) OVER (PARTITION BY clinic_id ORDER BY id) AS survivor
      FROM leads WHERE status = 'LOST') AS s
WHERE s.id = l.id AND s.id <> s.survivor AND {_random(54, 5)} = 0
"""

# Keys of as many parts as a lead has, words of the notes of every tenth entry, and subjects of messages to leads.
_SEARCH = (
    f"""
INSERT INTO lead_search (id, clinic_id, keys, has_notes)
SELECT l.id, l.clinic_id, array_agg({_random(11, 9000, "l.n * 64 + k")}), true
FROM (SELECT id, clinic_id, row_number() OVER () AS n FROM leads) AS l, generate_series(1, 40) AS k GROUP BY 1, 2
""",
    f"""
UPDATE lead_activities a SET notes_blind = ARRAY(SELECT {_random(12, 5000, "s.n * 64 + k")} FROM generate_series(1, 30) AS k)
FROM (SELECT id, row_number() OVER () AS n FROM lead_activities) AS s WHERE s.id = a.id AND mod(s.n, 10) = 0
""",  # noqa: E501
    f"""
UPDATE notifications n SET subject_blind = ARRAY(SELECT {_random(13, 500, "s.n * 64 + k")} FROM generate_series(1, 12) AS k)
FROM (SELECT id, row_number() OVER () AS n FROM notifications) AS s WHERE s.id = n.id AND n.user_id IS NULL
""",  # noqa: E501
)

# The indexes of constraints are kept.
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename = ANY(%s) AND indexname NOT LIKE 'pk%%'
"""

_CLINICS = """
CREATE TEMPORARY TABLE numbered_clinics ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY id) AS nth, id AS clinic_id,
    ARRAY(SELECT id FROM lead_sources WHERE clinic_id = c.id ORDER BY id) AS sources,
    ARRAY(SELECT id FROM users WHERE clinic_id = c.id ORDER BY id) AS team,
    (SELECT v.id FROM message_template_versions AS v JOIN message_templates AS t ON t.id = v.template_id
     WHERE t.clinic_id = c.id AND t.slug = 'task-reminder') AS reminder
FROM clinics AS c
"""

# Three fifths of all rows belong to the first clinic. Leads are up to 300 days old.
_LEADS = f"""
INSERT INTO leads (
    id, clinic_id, status, pipeline_stage, stage_entered_at, stage_overdue_since, patient_first_name,
    patient_last_name, patient_relationship, first_name, last_name, email_blind, phone_blind, preferred_contact,
    source_id, treatment_interest, assigned_to_id, lost_reason, failed_attempts, last_activity_at, stale_since,
    created_at, updated_at, version, tags, lead_value, external_source, external_id,
    rots_at, rotting_reason, without_next_action_since, language, score, converted_at, lost_at,
    replied_at, source_campaign
)
SELECT {_id("now() - age", "n")}, c.clinic_id, status, stage, now() - age / 2,
    CASE WHEN {_random(1, 50)} > 0 THEN now() END, 'Mia', 'Keller', 'SELF', 'Mia', 'Keller',
    decode(md5('mia' || n), 'hex'), decode(md5('shared'), 'hex'), 'PHONE',
    c.sources[1 + {_random(2, SOURCES)}], '{{}}', c.team[1 + {_random(3, "cardinality(c.team)")}],
    CASE WHEN status = 'LOST' THEN 'OTHER' END, {_random(4, 4)},
    now() - age / 3, CASE WHEN {_random(5, 40)} > 0 THEN now() END, now() - age, now() - age, 1,
    CASE WHEN {_random(40, 20)} = 0 THEN ARRAY['tag ' || {_random(41, 25)}] ELSE '{{}}' END,
    CASE WHEN {_random(42, 3)} = 0 THEN {_random(43, 9000)} END, 'crm', n::text,
    CASE WHEN status IN ('NEW', 'ACTIVE') THEN now() + ({_random(44, 50)} - 49) * interval '1 day' + age / 300 END,
    CASE WHEN status IN ('NEW', 'ACTIVE') THEN 'NO_CONTACT' END,
    CASE WHEN {_random(45, 50)} = 0 THEN now() - age / 3 END,
    CASE WHEN {_random(46, 20)} = 0 THEN 'fr' END, CASE WHEN {_random(48, 2)} = 0 THEN {_random(49, 101)} END,
    CASE WHEN status = 'CONVERTED' THEN now() - age / 2 END, CASE WHEN status = 'LOST' THEN now() - age / 2 END,
    CASE WHEN {_random(51, 5)} = 0 THEN now() - age / 4 END,
    CASE WHEN {_random(52, 20)} = 0 THEN 'spring' END
FROM (
    SELECT n, CASE WHEN {_random(6, 5)} < 3 THEN 1 ELSE 2 + {_random(7, 4)} END AS nth,
        interval '300 days' * (1 - n / {LEADS}.0) AS age,
        (ARRAY['NEW','ACTIVE','ACTIVE','ACTIVE','CONVERTED','LOST','LOST'])[1 + {_random(8, 7)}] AS status,
        (ARRAY['new_lead','contacted','consultation_scheduled','pending_decision','lost'])[1 + {_random(9, 5)}] AS stage
    FROM generate_series(1, {LEADS}) AS n
) AS g JOIN numbered_clinics AS c USING (nth)
"""

_PARAMS = json.dumps({  # valid for a step of any kind
    "title": "Call", "type": "CALL", "task_due_at": "2030-01-01T12:00:00+00:00", "channels": ["in_app", "email"],
    "channel": "email", "template": "break-up-email", "transactional": True, "reason": "OTHER",
    "notification_id": "00000000-0000-7000-8000-000000000000",
})  # fmt: skip
_NUMBERED = "(SELECT *, row_number() OVER () AS n FROM leads) AS l"

# Nine of a lead's ten steps have ended. The tenth is due within two hours for one lead in ten, later for the others.
_STEPS = f"""
INSERT INTO steps (
    id, clinic_id, lead_id, kind, name, cause, params, stop_on, due_at, state, error, attempts, published_at,
    lease_until, dedupe_key, created_at, finished_at
)
SELECT {_id("due_at - interval '1 hour'", "n * 16 + i")}, clinic_id, lead_id, kind, 'call', '{{}}',
    CASE WHEN i = {STEPS_PER_LEAD} THEN '{_PARAMS}'::jsonb ELSE '{{}}' END,
    CASE WHEN i = {STEPS_PER_LEAD} THEN '{{lead.replied,lead.lost,lead.converted}}'::text[] ELSE '{{}}' END,
    due_at, state, CASE WHEN state = 'failed' THEN 'no' END,
    CASE WHEN state IN ('planned', 'published') THEN 0 ELSE 1 END, CASE WHEN state <> 'planned' THEN due_at END,
    CASE WHEN state = 'running' THEN now() + ({_random(12, 200)} - 100) * interval '1 second' END,
    CASE WHEN i = {STEPS_PER_LEAD} THEN 'call:' || lead_id END, due_at,
    CASE WHEN state IN ('planned', 'published', 'running') THEN NULL ELSE due_at END
FROM (
    SELECT l.id AS lead_id, l.clinic_id, l.n, i, random,
        (ARRAY['create_task','remind','escalate','send_message','suggest_lost','deliver'])[1 + mod(random, 6)] AS kind,
        CASE WHEN i < {STEPS_PER_LEAD} THEN l.created_at + interval '1 day' * i / 10
             WHEN mod(random, 10) = 0 THEN now() + (mod(random / 16, 7200) - 600) * interval '1 second'
             ELSE now() + mod(random / 16, 700) * interval '1 hour' END AS due_at,
        CASE WHEN i = {STEPS_PER_LEAD} THEN CASE WHEN mod(random / 32, 2) = 0 THEN 'published' ELSE 'planned' END
             WHEN mod(random / 64, 500) = 0 THEN 'failed' WHEN mod(random / 64, 500) = 1 THEN 'unknown'
             WHEN mod(random / 64, 500) = 2 THEN 'running' ELSE 'done' END AS state
    FROM {_NUMBERED} CROSS JOIN generate_series(1, {STEPS_PER_LEAD}) AS i
    CROSS JOIN LATERAL (SELECT {_random(10, 2**31 - 1, "n * 16 + i")} AS random) AS d
) AS s
"""

_TASKS = f"""
INSERT INTO lead_tasks (
    id, clinic_id, lead_id, title, type, priority, assigned_to_id, created_by, own_words, tags, pinned, due_at, status,
    created_at, updated_at, version, task_template_id
)
SELECT {_id("due_at - interval '1 day'", "n * 16 + i")}, clinic_id, id,
    CASE WHEN {_random(24, 1000)} = 0 THEN 'Send the invoice' ELSE 'Call back' END,
    CASE WHEN {_random(25, 1000)} = 0 THEN 'SMS' ELSE 'CALL' END,
    CASE WHEN {_random(26, 1000)} = 0 THEN 'URGENT' ELSE 'NORMAL' END, assigned_to_id,
    CASE WHEN {_random(27, 4)} = 0 THEN assigned_to_id END, {_random(27, 4)} = 0,
    CASE WHEN {_random(28, 1000)} = 0 THEN ARRAY['vip', 'school'] ELSE '{{}}' END, {_random(29, 1000)} = 0,
    due_at, CASE WHEN due_at > now() THEN 'PENDING' WHEN {_random(20, 10)} = 0 THEN 'OVERDUE'
    WHEN {_random(21, 400)} = 0 THEN 'IN_PROGRESS' WHEN {_random(22, 7)} = 0 THEN 'CANCELLED' ELSE 'COMPLETED' END,
    due_at, due_at, 1, CASE WHEN {_random(47, 10)} = 0 THEN '{TASK_TEMPLATE}'::uuid END
FROM (
    SELECT l.id, l.clinic_id, l.assigned_to_id, i, n, CASE WHEN i = 1 THEN l.created_at + interval '1 day'
        ELSE now() + ({_random(23, 1000)} - 300) * interval '1 hour' END AS due_at
    FROM {_NUMBERED} CROSS JOIN generate_series(1, {TASKS // LEADS}) AS i
) AS t
"""

_ACTIVITIES = f"""
INSERT INTO lead_activities (id, clinic_id, lead_id, type, channel, direction, outcome, occurred_at, created_at)
SELECT {_id("at", "n * 16 + i")}, clinic_id, id, 'PHONE_CALL', 'phone', 'OUTBOUND', 'no_answer', at, at
FROM (
    SELECT l.id, l.clinic_id, n, i, l.created_at + interval '1 hour' * i AS at
    FROM {_NUMBERED} CROSS JOIN generate_series(1, {ACTIVITIES // LEADS}) AS i
) AS a
"""

_NOTIFICATIONS = f"""
INSERT INTO notifications (
    id, clinic_id, lead_id, user_id, channel, template, series, template_version_id, subject, body, message_id, state,
    attempts, created_at, sent_at, read_at
)
SELECT {_id("created_at + interval '1 hour'", "n * 16 + i")}, clinic_id, id,
    CASE WHEN i = 1 OR {_random(32, 2)} = 0 THEN assigned_to_id END, -- half of the e-mails go to the lead
    CASE i WHEN 1 THEN 'in_app' ELSE 'email' END, 'task-reminder', 'reminders',
    (SELECT reminder FROM numbered_clinics AS c WHERE c.clinic_id = l.clinic_id),
    'Coming up', 'Hello', id::text, CASE WHEN i = 1 THEN 'sent' WHEN {_random(30, 100)} = 0 THEN 'failed'
    WHEN {_random(30, 100)} = 1 THEN 'unknown' ELSE 'sent' END, 1, created_at, created_at,
    CASE WHEN {_random(31, 10)} > 0 THEN created_at END
FROM {_NUMBERED} CROSS JOIN generate_series(1, {NOTIFICATIONS // LEADS}) AS i
"""

_DELIVERIES = f"""
INSERT INTO deliveries (id, clinic_id, notification_id, attempt, outcome, response, started_at, finished_at)
SELECT {_id("created_at", "row_number() OVER ()")}, clinic_id, id, 1, 'sent', '250 OK', created_at, created_at
FROM notifications WHERE channel = 'email'
"""

# Each lead was read twice by its coordinator.
_AUDIT = f"""
INSERT INTO audit_entries (clinic_id, at, user_id, operation, act, subject, ids, fields)
SELECT clinic_id, created_at + interval '1 hour' * i, assigned_to_id, 'leads.get_lead', 'read', 'lead', ARRAY[id],
    '{{}}'
FROM {_NUMBERED} CROSS JOIN generate_series(1, 2) AS i ORDER BY 2
"""

_TOUCHES = f"""
INSERT INTO lead_touches (id, clinic_id, lead_id, source_id, channel, occurred_at, created_at)
SELECT {_id("created_at", "n")}, clinic_id, id, source_id, 'WEB_FORM', created_at, created_at FROM {_NUMBERED}
"""

# One change of the score of each lead, and three of each second one.
_SCORES = f"""
INSERT INTO lead_score_changes (id, clinic_id, lead_id, occurred_at, score, previous_score, model, parts)
SELECT {_id("created_at + interval '1 hour' * i", "n * 16 + i")}, clinic_id, id, created_at + interval '1 hour' * i,
    20 + i, 19 + i, 'rules', '[]'
FROM {_NUMBERED} CROSS JOIN generate_series(1, 3) AS i WHERE mod(n, 2) = 0 OR i = 1
"""

_ROWS = (_CLINICS, _LEADS, _STEPS, _TASKS, _ACTIVITIES, _NOTIFICATIONS, _DELIVERIES, _SCORES)

# Statistics of 200 rules and sequences of each clinic, by hour and process; few of them have failures.
_SERIES = f"""
INSERT INTO series_hours (clinic_id, series, hour, shard, done, sent, failed, bounced, opted_out)
SELECT c.id, 'series-' || n, date_trunc('hour', now()) - make_interval(hours => h), s, 10, 10,
    CASE WHEN {_random(50, 100)} = 0 THEN 1 ELSE 0 END, 0, 0
FROM clinics AS c, generate_series(1, 200) AS n, generate_series(0, 25) AS h, generate_series(0, 3) AS s
"""

# A year of days in each clinic, with leads of 50 of its 200 groups each day; some leads have changed since.
_ROLLUPS = (
    f"""
    INSERT INTO lead_rollup_spans (clinic_id, starts_at, ends_at, is_month, timezone, opening_hash, rolled_up_at)
    SELECT c.id, at, at + interval '1 day', false, c.timezone, {OPENING_HASH}, now() FROM clinics AS c, LATERAL
        generate_series(date_trunc('day', now(), c.timezone) - interval '365 days',
            date_trunc('day', now(), c.timezone) - interval '2 days', interval '1 day') AS at
    """,
    f"""
    INSERT INTO lead_rollup_groups (clinic_id, fingerprint, source_id, status, pipeline_stage, past_stages,
        capture_channel, has_contact, has_answered, has_replied)
    SELECT clinic_id, {_id("now()", "n")}, sources[1], 'NEW', 'new_lead', ARRAY[n::text], 'MANUAL', true, true, true
    FROM numbered_clinics, generate_series(1, 200) AS n
    """,
    f"""
    INSERT INTO lead_rollup_counts (clinic_id, span_id, group_id, leads, days_to_convert_of, days_to_loss_of,
        minutes_mean_of)
    SELECT s.clinic_id, s.id, g.id, 1, 0, 0, 0 FROM lead_rollup_spans AS s JOIN lead_rollup_groups AS g
        ON g.clinic_id = s.clinic_id AND {_random(70, 4, "s.id * 1000 + g.id")} = 0 ORDER BY s.id, g.id
    """,
    """
    INSERT INTO lead_rollup_stays (clinic_id, span_id, stage, hours, ended, starts)
    SELECT clinic_id, id, 'stage_' || n, '{1,2,3}', '{1,1,1}', int8send(n) FROM lead_rollup_spans,
        generate_series(1, 8) AS n
    """,
    """
    INSERT INTO lead_rollup_entries (clinic_id, span_id, stage, firsts, previous)
    SELECT clinic_id, id, 'stage_' || n, 9, ARRAY[starts_at] FROM lead_rollup_spans, generate_series(1, 8) AS n
    """,
    """
    INSERT INTO lead_rollup_changes (clinic_id, created_at)
    SELECT id, now() - make_interval(days => n) FROM clinics, generate_series(20, 40, 10) AS n
    """,
    """
    INSERT INTO task_rollup_days (clinic_id, starts_at, ends_at, timezone, rolled_up_at, assignees, tasks, completed,
        on_time, types_rolled_up_at, types, tasks_of_types, completed_of_types, on_time_of_types)
    SELECT c.id, at, at + interval '1 day', c.timezone, now(), ARRAY[gen_random_uuid()], '{9}', '{9}', '{9}',
        now(), '{CALL}', '{9}', '{9}', '{9}'
    FROM clinics AS c, LATERAL generate_series(date_trunc('day', now(), c.timezone) - interval '1500 days',
        date_trunc('day', now(), c.timezone) - interval '2 days', interval '1 day') AS at
    """,
    """
    INSERT INTO task_rollup_changes (clinic_id, due_at)
    SELECT id, now() - make_interval(days => n) FROM clinics, generate_series(3, 1500) AS n
    """,
)

# Ten gateways in each clinic, with a row for each minute of eight hours and twice as many calls.
_GATEWAYS = (
    """
    INSERT INTO gateways (
        id, clinic_id, name, purpose, per_hour, idempotent, is_active, failures, created_at, updated_at, version)
    SELECT gen_random_uuid(), c.id, 'gateway-' || n, 'messages', 200, true, true, 0, now(), now(), 1
    FROM clinics AS c, generate_series(1, 10) AS n
    """,
    """
    INSERT INTO gateway_minutes (gateway_id, minute, sent, promised)
    SELECT id, date_trunc('minute', now()) - make_interval(mins => n), 1, 0
    FROM gateways, generate_series(0, 500) AS n
    """,
    """
    INSERT INTO gateway_receipts (gateway_id, call_id, received_at)
    SELECT id, n, now() - make_interval(mins => n * 5) FROM gateways, generate_series(0, 1000) AS n
    """,
)

# Ten sending accounts in each clinic, with rows for eight hours and twenty days.
_ACCOUNTS = (
    """
    INSERT INTO sending_accounts (
        id, clinic_id, name, kind, channels, default_for, settings, is_active, created_at, updated_at, version)
    SELECT gen_random_uuid(), c.id, 'texts-' || n, 'twilio', '{sms}', '{}', '{}', true, now(), now(), 1
    FROM clinics AS c, generate_series(1, 10) AS n
    """,
    """
    INSERT INTO sending_account_counts (account_id, period, starts_at, sent, promised)
    SELECT id, 'minute', date_trunc('minute', now()) - make_interval(mins => n), 1, 0
    FROM sending_accounts, generate_series(0, 500) AS n
    UNION ALL SELECT id, 'day', date_trunc('day', now()) - make_interval(days => n), 50, 0
    FROM sending_accounts, generate_series(0, 20) AS n
    """,
)

# Five sequences in each clinic. Every lead was enrolled in one, with three steps each; a fifth of them still is.
_SEQUENCES = (
    """
    INSERT INTO sequences (id, clinic_id, playbook, slug, definition, published, active, created_at, version)
    SELECT gen_random_uuid(), c.id, '', 'sequence-' || n, jsonb_build_object(
        'name', 'sequence-' || n, 'exit_on_colleague', 'custom.company', 'steps', jsonb_build_array(jsonb_build_object(
            'name', 'one', 'create_task', jsonb_build_object('type', 'CALL', 'title', 'Call')))), 1, true, now(), 1
    FROM clinics AS c, generate_series(1, 5) AS n
    """,
    """
    INSERT INTO sequence_versions (id, clinic_id, sequence_id, number, definition, created_at)
    SELECT gen_random_uuid(), clinic_id, id, 1, definition, now() FROM sequences
    """,
    f"""
    INSERT INTO enrollments (
        id, clinic_id, lead_id, sequence_id, sequence_version, state, reason, step, is_exclusive, exit_on, goal,
        colleague_key, cause, enrolled_at, changed_at, ended_at)
    SELECT gen_random_uuid(), l.clinic_id, l.id, s.id, 1, d.state, CASE d.state WHEN 'paused' THEN d.why END, 'one',
        true, '{{lead.replied}}', '{{}}', CASE WHEN d.nth = 1 THEN 'company' END, '{{}}', l.created_at, now(),
        CASE WHEN d.state IN ('completed', 'exited') THEN now() END
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM leads) AS l
    CROSS JOIN LATERAL (SELECT {_random(40, 5, "l.n")} + 1 AS nth,
        (ARRAY['active', 'paused', 'exited', 'exited', 'completed', 'completed', 'completed', 'completed', 'completed',
               'completed'])[{_random(41, 10, "l.n")} + 1] AS state,
        (ARRAY['by_hand', 'sequence_inactive'])[{_random(42, 2, "l.n")} + 1] AS why) AS d
    JOIN sequences AS s ON s.clinic_id = l.clinic_id AND s.slug = 'sequence-' || d.nth
    """,
    """
    INSERT INTO enrollment_steps (
        id, clinic_id, enrollment_id, sequence_id, sequence_version, step, kind, notification_id, outcome, at)
    SELECT gen_random_uuid(), e.clinic_id, e.id, sequence_id, 1, 'one', 'create_task',
        CASE n WHEN 1 THEN m.id END, 'done', e.enrolled_at
    FROM enrollments AS e LEFT JOIN notifications AS m ON m.lead_id = e.lead_id AND m.user_id IS NULL,
        generate_series(1, 3) AS n
    """,
)
