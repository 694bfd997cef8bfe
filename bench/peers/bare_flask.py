"""Baseline for lead capture: Flask, one INSERT, one commit, a pooled connection."""

import os
import uuid

from flask import Flask, request
from psycopg_pool import ConnectionPool

from bench.peers.effect import DATABASE_URL

SCHEMA = """
CREATE TABLE bench_leads (
    id uuid PRIMARY KEY,
    first_name text NOT NULL,
    last_name text NOT NULL,
    email text,
    phone text,
    treatment_interest text,
    notes text,
    status text NOT NULL DEFAULT 'NEW',
    priority text NOT NULL DEFAULT 'NORMAL',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
)
"""
INSERT = """
INSERT INTO bench_leads (id, first_name, last_name, email, phone, treatment_interest, notes)
VALUES (%(id)s, %(first_name)s, %(last_name)s, %(email)s, %(phone)s, %(treatment_interest)s, %(notes)s)
"""

THREADS = int(os.environ.get("WEB_THREADS", "8"))

app = Flask(__name__)
pool = ConnectionPool(DATABASE_URL, min_size=THREADS, max_size=THREADS, open=False)


@app.post("/leads")
def capture() -> tuple[dict[str, str], int]:
    pool.open()  # in the worker process, not before it is forked; once open it does nothing
    lead = {"id": uuid.uuid4(), **request.get_json()}
    with pool.connection() as connection:
        connection.execute(INSERT, lead)
    return {"id": str(lead["id"])}, 201
