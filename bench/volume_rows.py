"""SQL statements of `volume`. Each creates all rows of a table."""

from typing import LiteralString

OPEN_SHARE = 0.45  # of the leads; the rest are patients, lost, or archived

WORKERS: LiteralString = """
CREATE TEMP TABLE worker (
    clinic int, place int, clinic_id uuid, source_id uuid, user_id uuid, PRIMARY KEY (clinic, place))
"""

LEADS: LiteralString = """
INSERT INTO leads (
    id, clinic_id, status, pipeline_stage, stage_entered_at, patient_first_name, patient_last_name,
    patient_relationship, first_name, last_name, preferred_contact, city, state, postal_code, source_id,
    source_campaign, treatment_interest, assigned_to_id, assigned_at, lost_at, lost_reason, converted_at,
    failed_attempts, contacted_at, last_activity_at, created_at, updated_at, version, tags, lead_value,
    external_source, external_id, rots_at, rotting_reason)
SELECT uuidv7(at - clock_timestamp()), clinic_id, status,
    CASE status
        WHEN 'NEW' THEN 'new_lead' WHEN 'LOST' THEN 'lost' WHEN 'CONVERTED' THEN 'treatment_started'
        ELSE (ARRAY['contacted', 'consultation_scheduled', 'consultation_completed', 'pending_decision'])
            [1 + floor(4 * power(chance, 2))::int]
    END,
    least(at + interval '5 days', now()), first, 'Lovelace', 'SELF', first, 'Lovelace ' || n,
    'EMAIL', 'San Francisco', 'CA',
    '94107', source_id, CASE WHEN chance < 0.3 THEN 'spring-open-day' END,
    CASE WHEN chance < 0.7 THEN ARRAY['INVISALIGN'] ELSE ARRAY['BRACES_CLEAR', 'RETAINER'] END,
    user_id, at,
    CASE status WHEN 'LOST' THEN at + interval '20 days' END, CASE status WHEN 'LOST' THEN 'NO_RESPONSE' END,
    CASE status WHEN 'CONVERTED' THEN at + interval '20 days' END,
    (3 * chance)::int, CASE WHEN chance < 0.8 THEN at END, now() - (now() - at) * chance * 0.01, at, at, 1,
    CASE WHEN mod(n, 20) = 0 THEN ARRAY['tag ' || mod(n / 20, 100)] ELSE '{}' END,
    CASE WHEN mod(n, 3) = 0 THEN mod(n, 9000) END, 'crm', n::text,
    CASE status WHEN 'NEW' THEN at + interval '8 days' WHEN 'ACTIVE' THEN at + interval '14 days' END,
    CASE status WHEN 'NEW' THEN 'IN_STAGE_TOO_LONG' WHEN 'ACTIVE' THEN 'NO_CONTACT' END
FROM (
    SELECT n, at, clinic, place, chance, CASE
            WHEN luck < 0.08 THEN 'NEW' WHEN luck < 0.45 THEN 'ACTIVE' WHEN luck < 0.65 THEN 'CONVERTED'
            WHEN luck < 0.95 THEN 'LOST' ELSE 'ARCHIVED'
        END AS status,
        (ARRAY['Ada', 'Ben', 'Chloe', 'Daniel', 'Eva', 'Farid', 'Grace'])[1 + mod(n, 7)] AS first
    FROM (
        SELECT n, now() - interval '2 years' * (1 - n::float / %(count)s) - interval '1 minute' AS at,
            floor(clinics * power(random(), 2.5))::int AS clinic, floor(places * power(random(), 1.5))::int AS place,
            random() * %(luck)s AS luck, random() AS chance
        FROM generate_series(0, %(count)s - 1) AS n,
            (SELECT max(clinic) + 1 AS clinics, max(place) + 1 AS places FROM worker) AS most
    ) AS drawn
) AS made JOIN worker USING (clinic, place)
ORDER BY n
"""

TASKS: LiteralString = """
INSERT INTO lead_tasks (
    id, clinic_id, lead_id, title, description, type, priority, assigned_to_id, due_at, reminder_minutes, status,
    completed_at, completed_by, cancelled_reason, outcome, completion_notes, created_at, updated_at,
    created_by, version)
SELECT uuidv7(at - clock_timestamp()), clinic_id, id,
    (ARRAY['Initial Contact', 'Follow up after the consultation', 'Check in on the pending decision'])[1 + mod(n, 3)],
    CASE WHEN mod(n, 10) < 3 THEN 'Ask whether the insurance covers it, and offer the payment plan.' END,
    (ARRAY['CALL', 'CALL', 'FOLLOW_UP', 'EMAIL'])[1 + mod(n, 4)], (ARRAY['NORMAL', 'HIGH', 'URGENT'])[1 + mod(n, 3)],
    assigned_to_id, due_at, CASE WHEN luck < 0.2 THEN ARRAY[15, 60] END, status,
    CASE status WHEN 'COMPLETED' THEN due_at END, CASE status WHEN 'COMPLETED' THEN assigned_to_id END,
    CASE status WHEN 'CANCELLED' THEN 'The lead called first.' END,
    CASE status WHEN 'COMPLETED' THEN 'successful' END,
    CASE status WHEN 'COMPLETED' THEN 'Spoke with the mother; they will decide with the father.' END,
    at, at, assigned_to_id, 1
FROM (
    SELECT dated.*, CASE
            WHEN due_at > now() THEN CASE WHEN is_open AND luck < 0.9 THEN 'PENDING' ELSE 'CANCELLED' END
            WHEN is_open AND luck > 0.94 THEN 'OVERDUE'
            WHEN luck < 0.86 THEN 'COMPLETED' ELSE 'CANCELLED'
        END AS status
    FROM (
        SELECT drawn.*, lead.id, lead.clinic_id, lead.assigned_to_id, lead.is_open,
            lead.created_at + (now() - lead.created_at) * age AS at,
            lead.created_at + (now() - lead.created_at) * age + interval '14 days' * wait AS due_at
        FROM (
            SELECT n, floor(leads * power(random(), 1.3))::bigint AS lead, random() AS luck, random() AS age,
                random() AS wait
            FROM generate_series(1, %(count)s) AS n, (SELECT count(*) AS leads FROM numbered) AS all_leads
        ) AS drawn JOIN numbered AS lead ON lead.n = drawn.lead
    ) AS dated
) AS made
ORDER BY at
"""

WITHOUT_NEXT_ACTION: LiteralString = """
UPDATE leads SET without_next_action_since = last_activity_at WHERE status IN ('NEW', 'ACTIVE') AND id NOT IN
    (SELECT lead_id FROM lead_tasks WHERE status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE'))
"""

ACTIVITIES: LiteralString = """
INSERT INTO lead_activities (
    id, clinic_id, lead_id, type, channel, direction, outcome, duration_minutes, occurred_at, created_at,
    created_by)
SELECT uuidv7(at - clock_timestamp()), clinic_id, id, type,
    CASE type WHEN 'PHONE_CALL' THEN 'phone' WHEN 'EMAIL' THEN 'email' END,
    CASE WHEN type IN ('PHONE_CALL', 'EMAIL') THEN 'OUTBOUND' END,
    CASE type WHEN 'PHONE_CALL' THEN (ARRAY['spoke', 'voicemail', 'no_answer'])[1 + mod(n, 3)] END,
    CASE type WHEN 'PHONE_CALL' THEN mod(n, 12) END, at, at, assigned_to_id
FROM (
    SELECT drawn.n, lead.id, lead.clinic_id, lead.assigned_to_id,
        lead.created_at + (now() - lead.created_at) * age AS at,
        (ARRAY['PHONE_CALL', 'PHONE_CALL', 'EMAIL', 'NOTE', 'TASK_COMPLETED'])[1 + mod(drawn.n, 5)] AS type
    FROM (
        SELECT n, floor(leads * power(random(), 2))::bigint AS lead, random() AS age
        FROM generate_series(1, %(count)s) AS n, (SELECT count(*) AS leads FROM numbered) AS all_leads
    ) AS drawn JOIN numbered AS lead ON lead.n = drawn.lead
) AS made
ORDER BY at
"""

# One to eight messages of as many series to each lead, a day apart. A fifth of the leads replies after four days.
MESSAGES: LiteralString = """
INSERT INTO notifications (
    id, clinic_id, lead_id, channel, template, series, subject, subject_blind, body, state, attempts, created_at,
    handed_over_at, sent_at)
SELECT uuidv7(at - clock_timestamp()), clinic_id, id, 'email', 'bench', 'series-' || place, 'Your consultation',
    ARRAY(SELECT hashtext('series-' || place || k) FROM generate_series(1, 9) AS k), 'Hello', 'sent', 1, at, at, at
FROM (
    SELECT numbered.*, place, created_at + interval '1 day' * place AS at
    FROM numbered, generate_series(1, 1 + mod(numbered.n, 8)) AS place
) AS made
WHERE at < now() ORDER BY at
"""

REPLIES: LiteralString = """
WITH replied AS (
    UPDATE leads SET replied_at = created_at + interval '4 days'
    WHERE id IN (SELECT id FROM numbered WHERE mod(n, 5) = 0) AND created_at < now() - interval '5 days'
    RETURNING id, clinic_id, replied_at
)
INSERT INTO lead_activities (
    id, clinic_id, lead_id, type, channel, direction, occurred_at, created_at, is_auto_reply)
SELECT uuidv7(replied_at - clock_timestamp()), clinic_id, id, 'EMAIL', 'email', 'INBOUND', replied_at, replied_at, false
FROM replied
"""

# `first` and `last` in seconds from now. Kinds are mixed as in a busy clinic. Steps about to run have one kind,
# whose handler writes a task and a later reminder and makes no external call.
STEPS: LiteralString = """
INSERT INTO steps (
    id, clinic_id, lead_id, kind, name, cause, params, guard, stop_on, lateness, due_at, state, attempts, dedupe_key,
    created_at)
SELECT uuidv7(), clinic_id, id, kind, name,
    jsonb_build_object('event', 'lead.created', 'rule', name, 'subject_id', id, 'occurred_at', now()),
    CASE kind
        WHEN 'create_task' THEN jsonb_build_object('type', 'CALL', 'title', 'Initial Contact', 'priority', 'URGENT',
            'task_due_at', now() + interval '3 days')
        WHEN 'remind' THEN jsonb_build_object('task_id', gen_random_uuid(), 'task_due_at', due_at,
            'channels', '["in_app", "email"]'::jsonb, 'template', 'task-reminder')
        ELSE jsonb_build_object('title', 'No contact in 24 hours', 'template', 'escalation')
    END,
    CASE kind WHEN 'escalate' THEN '{"unless": [{"field": "lead.contacted_at", "exists": true}]}'::jsonb END,
    ARRAY['lead.converted', 'lead.lost'], NULL, due_at, 'planned', 0, name || ':' || n || ':' || due_at, now()
FROM (
    SELECT drawn.n, lead.id, lead.clinic_id, due_at, kind, CASE kind
            WHEN 'create_task' THEN 'speed-to-lead' WHEN 'remind' THEN 'task-reminder'
            WHEN 'escalate' THEN 'no-contact-24h' ELSE 'break-up-email'
        END AS name
    FROM (
        SELECT n, mod(n, leads) AS lead,
            now() + make_interval(secs => %(first)s + (%(last)s - %(first)s) * random()) AS due_at,
            (%(kinds)s::text[])[1 + mod(n, cardinality(%(kinds)s))] AS kind
        FROM generate_series(1 + %(after)s::bigint, %(after)s::bigint + %(count)s) AS n,
            (SELECT count(*) AS leads FROM numbered) AS all_leads
    ) AS drawn JOIN numbered AS lead ON lead.n = drawn.lead
) AS made
"""
