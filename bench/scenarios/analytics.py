"""Analytics: response times of the reports of one large clinic."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import LiteralString

import psycopg

from bench.application import begin, environment, run_action
from bench.capturing import Captures, capturing
from bench.cpu import database_seconds
from bench.figures import Row
from bench.list_requests import ACCESS_MINUTES, Listing, Reader
from bench.load import Load, measure
from bench.processes import Processes
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.volume import Worker, add_activities, add_leads, add_messages, add_tasks, loading
from bench.web import HOST, serve

TITLE = "Analytics: reports of a clinic with 100,000 leads, 1,000,000 activities and as many tasks"
METHOD = """One clinic with all leads, of two years; its admin reads each report, one request at a time: of the last 90
days (the default), and of a year by month. Past days and months were rolled up before. Every lead has the stage changes
of its stage on its timeline, and one to eight messages of rules and sequences, which results before
2026-11-25 lack; a fifth has replied. Latency is measured by the client; **CPU** as in reads. Then the same requests are
sent again while ten leads a second are captured."""

WORKERS, THREADS = 2, 8
TARGET_P95_MS = 50.0
P95, P95_CAPTURING = "p95 (ms)", "p95 during capture (ms)"
REPORTS = (
    *("summary", "funnel", "sources", "coordinators", "lost-reasons", "first-contact", "velocity"),
    *("response", "conversions", "attribution", "campaigns", "pipeline", "automation", "follow-ups"),
)
NOT_BY_MONTH = ("velocity", "pipeline", "automation")

# Sources by turns, and the stages before the lead's own, up to 40 days in each. One statement writes each lead once.
PAST: LiteralString = """
UPDATE leads l SET first_contact_at = contacted_at + interval '20 minutes', past_stages = past.stages,
    past_stage_seconds = ARRAY(SELECT 86400 * 40 * random() FROM unnest(past.stages) WHERE l.id IS NOT NULL),
    source_id = s.id, first_touch_source_id = s.id, last_touch_source_id = s.id
FROM (SELECT id, clinic_id, row_number() OVER (PARTITION BY clinic_id ORDER BY id) - 1 AS n,
        count(*) OVER (PARTITION BY clinic_id) AS sources FROM lead_sources) AS s,
    (SELECT stage, CASE stage
            WHEN 'new_lead' THEN '{}' WHEN 'lost' THEN ARRAY['new_lead', 'contacted']
            ELSE (ARRAY['new_lead', 'contacted', 'consultation_scheduled', 'consultation_completed', 'pending_decision',
                'treatment_accepted'])[1:array_position(ARRAY['contacted', 'consultation_scheduled',
                'consultation_completed', 'pending_decision', 'treatment_accepted', 'treatment_started'], stage)]
        END AS stages FROM (SELECT DISTINCT pipeline_stage AS stage FROM leads) AS stage) AS past
WHERE s.clinic_id = l.clinic_id AND s.n = mod(abs(hashtext(l.id::text)::bigint), s.sources)
    AND past.stage = l.pipeline_stage
"""
CHANGES: LiteralString = """
INSERT INTO lead_activities (id, clinic_id, lead_id, type, previous_stage, new_stage, occurred_at, created_at,
    is_auto_reply)
SELECT uuidv7(at - clock_timestamp()), clinic_id, id, 'STAGE_CHANGE', previous,
    coalesce(lead(previous) OVER (PARTITION BY id ORDER BY n), pipeline_stage), at, at, false
FROM (
    SELECT l.id, l.clinic_id, l.pipeline_stage, p.previous, p.n, l.created_at + interval '1 day' * p.n AS at
    FROM leads l CROSS JOIN LATERAL unnest(l.past_stages) WITH ORDINALITY AS p(previous, n)
) AS made
"""


LEADS = 100_000


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    return read_reports(
        servers, leads=5_000 if quick else LEADS, requests_of_each=30 if quick else 100, runs=runs, only=only
    )


def read_reports(servers: Servers, *, leads: int, requests_of_each: int, runs: int, only: str) -> list[Row]:
    """Measure all reports of a clinic with this many leads."""
    begin(servers, rules=True)
    reader = fill(servers, leads=leads, activities=1_000_000 if leads >= LEADS else 50_000)
    processes = Processes(servers.folder / "analytics.log")
    try:
        env = environment(servers, WEB_WORKERS=str(WORKERS), WEB_THREADS=str(THREADS))
        port = serve("app:create_app()", processes, env)
        captures = Captures(port, reader.token, _source_of(servers, reader.clinic_id))
        chosen = [one for one in requests() if only.lower() in one.name]
        cpu = partial(_cpu, servers, processes)
        return in_rounds(
            chosen, runs, lambda one: _measure(captures, one.requests([reader], requests_of_each), cpu=cpu)
        )
    finally:
        processes.stop()


def requests() -> list[Listing]:
    """Return all measured requests, by name."""
    to = datetime.now(UTC).date() + timedelta(days=1)
    year = f"from={to - timedelta(days=365)}&to={to}"
    return [
        *(_report(name, "") for name in REPORTS),
        *(
            _report(f"{name}, a year", year if name in NOT_BY_MONTH else f"{year}&by=month")
            for name in REPORTS
            if name != "pipeline"
        ),
        _report("forecast", ""),
        *(_report(f"{name}, a year, by events", f"{year}&basis=period") for name in ("funnel", "summary")),
        Listing("list of a figure", lambda _: "/api/leads?limit=50&reached_stage=treatment_started"),
        Listing(
            "list of entries", lambda _: f"/api/leads?limit=50&entered_stage=contacted&entered_from={to}T00:00:00Z"
        ),
    ]


def _report(name: str, query: str) -> Listing:
    path = f"/api/leads/analytics/{name.partition(',')[0]}?{query}"
    return Listing(name, lambda _: path)


def fill(servers: Servers, *, leads: int, activities: int) -> Reader:
    """Create a clinic with this many leads, activities, and as many tasks. Returns its admin."""
    minutes = {"ACCESS_TOKEN_MINUTES": ACCESS_MINUTES}
    [clinic] = run_action(servers, "open_clinics", json.dumps({"clinics": 1}), minutes)
    users = clinic["users"]
    admin = users[-1]
    workers = [
        Worker(0, place, clinic["clinic_id"], clinic["source_id"], user["id"]) for place, user in enumerate(users)
    ]
    with loading(servers) as connection:
        add_leads(connection, workers, leads)
        add_activities(connection, activities)
        add_tasks(connection, activities)
        add_messages(connection)
        connection.execute(PAST)
        connection.execute(CHANGES)
        run_action(servers, "encrypt_people", json.dumps({"tables": ["leads"]}))  # no report reads a note
    run_action(servers, "roll_up", "{}")
    with psycopg.connect(servers.database_url(), autocommit=True) as connection:
        connection.execute("ANALYZE")  # autovacuum would do it later, during a measurement
    return Reader(admin["token"], clinic["clinic_id"], admin["id"], ())


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare each report with the target."""
    return compare(rows, TARGET_P95_MS)


def compare(rows: Sequence[Row], target: float) -> list[str]:
    """Compare the 95th percentile of each report during capture with the target, in milliseconds."""
    late = {one.name: one.figures[P95_CAPTURING].median for one in rows}
    missed = {name: value for name, value in late.items() if value >= target}
    slowest = max(late, key=lambda name: late[name])
    result = f"NOT reached by {', '.join(missed)}" if missed else "reached by all"
    of_slowest = f"p95 during capture of the slowest report, {slowest}: {late[slowest]:.1f} ms"
    return [f"{of_slowest}; {result} (to reach: under {target:.0f} ms)."]


def _source_of(servers: Servers, clinic_id: str) -> str:
    with psycopg.connect(servers.database_url()) as connection:
        found = connection.execute("SELECT id FROM lead_sources WHERE clinic_id = %s LIMIT 1", [clinic_id])
        return str(found.fetchall()[0][0])


def _measure(captures: Captures, paths: Sequence[str], *, cpu: Callable[[], tuple[float, float]]) -> dict[str, float]:
    web, database = cpu()
    load = Load(HOST, captures.port, paths, clients=1, warm_up=len(paths) // 10)
    measured = measure(load)
    web_after, database_after = cpu()
    figures = {
        "p50 (ms)": measured.p50,
        P95: measured.p95,
        "p99 (ms)": measured.p99,
        "web CPU (ms)": (web_after - web) * 1000 / len(paths),
        "PostgreSQL CPU (ms)": (database_after - database) * 1000 / len(paths),
    }
    with capturing(captures):
        return {**figures, P95_CAPTURING: measure(load).p95}


def _cpu(servers: Servers, processes: Processes) -> tuple[float, float]:
    """Return the CPU seconds that the web server and PostgreSQL have used."""
    return processes.cpu_seconds(), database_seconds(servers)
