"""Baseline for lists: Flask, one indexed SELECT, JSON, a pooled connection.

It reads Relance's tables and returns the same fields, without authentication.
"""

import os
from typing import Any, LiteralString

from flask import Flask, Response
from flask.json import dumps
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from bench.peers.effect import DATABASE_URL

TASKS: LiteralString = """
SELECT id, lead_id, title, description, type, priority, assigned_to_id, due_at, reminder_minutes, status, completed_at,
    completed_by, cancelled_reason, outcome, snoozed_until, step_id, created_at, created_by, updated_at, version
FROM lead_tasks
WHERE assigned_to_id = %s AND status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE') ORDER BY due_at, id LIMIT 50
"""
LEADS: LiteralString = """
SELECT id, status, pipeline_stage, stage_entered_at, stage_overdue_since, patient_first_name, patient_last_name,
    patient_relationship, first_name, last_name, encode(sealed, 'base64') AS sealed, preferred_contact,
    preferred_time, timezone, address_line1, address_line2, city, state, postal_code, source_id, source_campaign,
    source_detail, referring_provider_id, referring_patient_id, treatment_interest,
    assigned_to_id, assigned_at, consultation_id, converted_to_patient_id, converted_at,
    lost_at, lost_reason, lost_suggested_at, lost_suggested_reason, failed_attempts, contacted_at,
    replied_at, opted_out_at, last_activity_at, stale_since, created_at, created_by, updated_at, updated_by, version
FROM leads WHERE clinic_id = %s AND deleted_at IS NULL ORDER BY id DESC LIMIT 50
"""
ACTIVITIES: LiteralString = """
SELECT id, lead_id, type, channel, direction, outcome, encode(sealed, 'base64') AS sealed, duration_minutes,
    scheduled_for, task_id, previous_stage, new_stage, occurred_at, created_at, created_by, step_id
FROM lead_activities WHERE lead_id = %s ORDER BY occurred_at, id LIMIT 50
"""

THREADS = int(os.environ.get("WEB_THREADS", "8"))

app = Flask(__name__)
pool = ConnectionPool(DATABASE_URL, min_size=1, max_size=THREADS, open=False, kwargs={"row_factory": dict_row})


@app.get("/tasks/<owner>")
def tasks(owner: str) -> Response:
    return _all(TASKS, owner)


@app.get("/leads/<owner>")
def leads(owner: str) -> Response:
    return _all(LEADS, owner)


@app.get("/activities/<owner>")
def activities(owner: str) -> Response:
    return _all(ACTIVITIES, owner)


def _all(query: LiteralString, owner: str) -> Response:
    pool.open()  # in the worker process, not before it is forked; once open it does nothing
    with pool.connection() as connection:
        rows: list[dict[str, Any]] = connection.execute(query, (owner,)).fetchall()
    return Response(dumps({"items": rows}), content_type="application/json")
