"""Personal data is stored only in the database (security: 24, 28, 30).

The tests send unique words, called canaries, through all endpoints that accept personal data. Then they search for
them in the broker, Flower, logs, metrics, URLs and the responses to another clinic.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.clock import now
from app.ops.embedded import Postgres
from tests.support.broker_monitor import BrokerMonitor, broker_contents
from tests.support.chaos import OpenClinic, Scene, call_task, enter, escalation, mail_to_lead, ready, reminder
from tests.support.collector import Collector
from tests.support.importing import CSV
from tests.support.processes import Process, wait_until
from tests.support.smtp import SmtpServer

PHONE, FORM_PHONE, FILE_PHONE = "+34 612 98 76 53", "+34 613 97 75 51", "+34 614 96 74 52"
LEAD = {
    "first_name": "Xaverine",
    "last_name": "Quillfeather",
    "patient_first_name": "Zebedeo",
    "phone": PHONE,
    "email": "x.quill@canary.example",
    "patient_dob": "1987-03-14",
    "insurance_member_id": "MAGPIE-4711",
    "notes": "Afraid of needles.",
    "tags": ["velvet-otter"],
}
FILE = f"""Name,Phone,Email,Source,Notes
Orsolya Brambleworth,{FILE_PHONE},orsolya@brambleworth.example,Other,Has a tin whistle
Pelagia Brambleworth,not-a-heron,pelagia,Other,
"""
# Messages to this lead violate a constraint. The step crashes with an error that contains the row.
STORK = {"first_name": "Odalys", "last_name": "Storkwell", "email": "odalys@storkwell.example"}
TRACES = (
    *("xaverine", "quill", "zebedeo", "612987653", "612 98", "canary", "1987-03-14", "magpie", "needles", "otter"),
    *("orsolya", "bramble", "614967452", "614 96", "whistle", "heron", "pelagia"),
    *("tancredi", "moonfleet", "613977551", "613 97", "harpsichord"),
    *("ludovica", "thistledown", "saffron", "walrus", "perpetua", "inkwell", "marzipan", "opal", "grizelda", "vellum"),
    *("cobalt", "lighthouse", "knee", "odalys", "storkwell", "weathervane"),
)

REFUSAL = "550 5.1.1 <x.quill@canary.example>: no such Quillfeather"

Answers = list[httpx.Response]


def test_personal_data_appears_only_in_the_database(
    scene: Scene, mail_server: SmtpServer, postgres: Postgres, collector: Collector
) -> None:
    flower = scene.processes.start_flower(env=scene.env)
    workers = [scene.start_worker(queues) for queues in ("steps,sweeps", "deliveries,accounts", "bulk")]
    scene.start_beat()
    clinic = scene.open(call_task("4 seconds"), reminder("1 second"), escalation("2 seconds"), mail_to_lead())
    other = enter(clinic.url, name="neighbour")
    mail_server.on("rcpt", REFUSAL, to=LEAD["email"], times=1)
    ready(*workers)
    with BrokerMonitor(scene.valkey) as monitor, storks_refused(postgres):
        lead = take(clinic.post("/api/leads", {**LEAD, "source_id": clinic.source_id}), 201)
        answers = [*_create_leads(clinic), *_send_texts(clinic, lead["id"])]
        assert [answer.text for answer in answers if answer.is_error] == []
        answers += _send_invalid_requests(clinic, lead["id"])
        scene.results.wait_for({"speed-to-lead": 4, "no-contact": 4, "deliver": 3})
        wait_until(lambda: _crashed(postgres), 60, "a step to crash")
        assert "550 5.1.1 <address>: no such Quillfeather" in clinic.get("/api/notifications", state="failed").text
        foreign = _from_another_clinic(other, lead["id"])
        answers += _use_privacy_requests(clinic, lead["id"])

    logs = {f"the log of {process.name}, {process.pid}": process.output() for process in scene.processes.started}
    # Check that each place contains data of the run.
    assert "step.failed" in "\n".join(logs.values())
    assert "steps.create_task" in monitor.text()
    assert "Tancredi" in clinic.post("/api/search", {"q": FORM_PHONE}).text
    assert "Orsolya" in clinic.post("/api/search", {"q": "Orsolya Brambleworth"}).text
    places = {
        "the commands of the broker": monitor.text(),
        "the broker's keys": broker_contents(scene.valkey),
        "the traces": repr(collector.received),
        "the metrics": httpx.get(f"{clinic.url}/metrics").text,
        "responses to another clinic": "\n".join(answer.text for answer in foreign),
        "an address": "\n".join(answer.headers.get("Location", "") for answer in answers),
        **_pages_of(flower),
        **logs,
    }
    assert "speed-to-lead" in places["Flower's /api/tasks"]
    assert {"POST /api/leads", "step deliver"} <= {span.name for span in collector.received}
    for place, text in places.items():
        _assert_no_trace(place, text)


def take(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


@contextmanager
def storks_refused(postgres: Postgres) -> Iterator[None]:
    with postgres.connect("relance") as owner:
        owner.execute("ALTER TABLE notifications ADD CONSTRAINT no_stork CHECK (body NOT LIKE '%Odalys%')")
        yield
        owner.execute("ALTER TABLE notifications DROP CONSTRAINT no_stork")


def _crashed(postgres: Postgres) -> bool:
    with postgres.connect("relance") as owner:
        found = owner.execute("SELECT count(*) FROM steps WHERE error LIKE 'CheckViolation%'").fetchone()
    return found is not None and found[0] > 0


def _create_leads(clinic: OpenClinic) -> Answers:
    """Create leads by hand, file, web form, API and bulk job."""
    source = {"source_id": clinic.source_id}
    kept = take(clinic.send("/api/imports", FILE.encode(), CSV), 201)
    form = {"name": "Weathervane", "allowed_origins": [], **source, "fields": [{"name": "phone"}, {"name": "notes"}]}
    key = take(clinic.post("/api/web-forms", {**form, "fields": [*form["fields"], {"name": "first_name"}]}), 201)["key"]
    visitor = {"first_name": "Tancredi", "phone": FORM_PHONE, "notes": "Plays the harpsichord."}
    valid = [{"first_name": "Ludovica", "last_name": "Thistledown", "phone": "+34 615 95 73 53", **source}]
    invalid = {"first_name": "Ludovica", "last_name": "Thistledown", "phone": "thistledown", **source}
    file = f"/api/imports/{kept['id']}"
    rehearsal = clinic.post(f"{file}/preview", {})
    wait_until(lambda: clinic.get(file).json()["job"]["state"] == "done", 60, "the rehearsal to end")
    return [
        rehearsal,
        clinic.post(f"{file}/start", {"runs_rules": True}),
        httpx.post(f"{clinic.url}/api/public/forms/{key}/leads", json=visitor),
        clinic.post("/api/leads", {**STORK, **source}),
        clinic.post(
            "/api/followups/bulk",
            {"leads": [*valid, invalid], "followup": {"type": "CALL", "title": "Walrus", "due_in_minutes": 60}},
        ),
    ]


def _send_texts(clinic: OpenClinic, lead_id: str) -> Answers:
    """Send all other texts about a lead or a user."""
    lead, me = f"/api/leads/{lead_id}", take(clinic.get("/api/me"), 200)["id"]
    soon, later = (now() + timedelta(days=days) for days in (1, 2))
    template = {
        "name": "Walrus",
        "title": "Ask {{ lead.last_name }} about the walrus",
        "type": "CALL",
        "due_in": "1 day",
    }
    template_id = take(clinic.post("/api/task-templates", template), 201)["id"]
    task = {
        "title": "Ask about saffron",
        "description": "The saffron umbrella",
        "type": "CALL",
        "due_at": soon.isoformat(),
    }
    twin = take(clinic.post("/api/leads", {**LEAD, "source_id": clinic.source_id}), 201)["id"]
    return [
        clinic.post(f"{lead}/activities", {"type": "NOTE", "notes": "Quillfeather likes the lighthouse."}),
        clinic.post(f"{lead}/tasks", task),
        clinic.post("/api/followups", {"lead_id": lead_id, "template_id": template_id}),
        clinic.post("/api/followups/views", {"name": "Saffron", "filters": {"q": "saffron"}}),
        clinic.get("/api/followups", q="saffron"),
        clinic.post("/api/custom-fields", {"key": "cobalt", "label": "Cobalt shoe", "type": "text"}),
        clinic.post("/api/users", {"email": "perpetua@inkwell.example", "name": "Perpetua", "role": "front_desk"}),
        clinic.post(
            f"/api/users/{me}/out-of-office",
            {"starts_at": soon.isoformat(), "ends_at": later.isoformat(), "note": "A knee of glass"},
        ),
        clinic.post("/api/suppressions", {"email": "grizelda@vellum.example", "reason": "Vellum wrote to us"}),
        *(clinic.post("/api/search", {"q": LEAD[name]}) for name in ("phone", "email")),
        clinic.post("/api/search", {"q": "Xaverine Quillfeather"}),
        clinic.post(f"{lead}/merge", {"lead_id": twin}),
        clinic.post(f"{lead}/consents", {"way": "phone", "is_given": True, "wording": "An opal", "source": "Paper"}),
    ]


def _send_invalid_requests(clinic: OpenClinic, lead_id: str) -> Answers:
    source = {"source_id": clinic.source_id}
    key = take(clinic.get("/api/web-forms"), 200)["items"][0]["key"]
    return [
        httpx.post(f"{clinic.url}/api/public/forms/{key}/leads", json={"last_name": "Moonfleet", "phone": "moonfleet"}),
        clinic.post("/api/leads", {**LEAD, **source, "email": "quillfeather@", "canary": 1}),
        clinic.send("/api/leads", b'{"first_name": "Quillfeather", ', "application/json"),
        clinic.send("/api/imports", b"\x00\xff needles", CSV),
        clinic.get("/api/leads", quillfeather="612987653"),
        clinic.get("/api/leads/quillfeather"),
        clinic.post(f"/api/leads/{lead_id}/stage", {"stage": "quillfeather"}),
        httpx.post(f"{clinic.url}/api/auth/login", json={"email": LEAD["email"], "password": "a lighthouse at noon"}),
        httpx.post(f"{clinic.url}/api/auth/password-link", json={"email": "perpetua@inkwell.example"}),
        httpx.get(f"{clinic.url}/api/public/forms/harpsichord/leads"),
    ]


def _use_privacy_requests(clinic: OpenClinic, lead_id: str) -> Answers:
    """Export, restrict and erase the lead."""
    lead = f"/api/leads/{lead_id}"
    return [
        clinic.post(f"{lead}/export"),
        clinic.post(f"{lead}/restrict", {"is_restricted": True, "reason": "A quarrel about marzipan"}),
        clinic.post(f"{lead}/restrict", {"is_restricted": False, "reason": "No more marzipan"}),
        clinic.post(f"{lead}/erase", {"reason": "Marzipan again"}),
    ]


def _from_another_clinic(other: OpenClinic, lead_id: str) -> Answers:
    """Search for the same people as the admin of another clinic."""
    lead = {"first_name": "Ana", "last_name": "Ruiz", "phone": PHONE, "source_id": other.source_id}
    answers = [
        other.get(f"/api/leads/{lead_id}"),
        other.post(f"/api/leads/{lead_id}/merge", {"lead_id": str(uuid4())}),
        other.post("/api/leads", lead),
        other.post("/api/users", {"email": "perpetua@inkwell.example", "name": "Ana", "role": "front_desk"}),
        other.post("/api/search", {"q": LEAD["email"]}),
        other.get("/api/leads"),
        other.get("/api/audit"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 201, 201, 200, 200, 200]
    own = re.compile(
        f"{re.escape(PHONE.replace(' ', ''))}|perpetua@inkwell.example"
    )  # the other clinic sent these itself
    return [httpx.Response(answer.status_code, text=own.sub("", answer.text)) for answer in answers]


def _pages_of(flower: Process) -> dict[str, str]:
    """Return all pages of Flower, with the pages of tasks and workers."""
    with httpx.Client(base_url=flower.url, timeout=30, follow_redirects=True) as ops:
        tasks = take(ops.get("/api/tasks", params={"limit": 10_000}), 200)
        workers = take(ops.get("/api/workers"), 200)
        paths = ["/", "/api/tasks", "/api/workers", "/tasks", "/broker", "/metrics"]
        paths += [f"/task/{task}" for task in [*tasks][:50]] + [f"/worker/{worker}" for worker in workers]
        pages = {path: ops.get(path, params={"limit": 10_000} if path == "/api/tasks" else None) for path in paths}
    assert {page.status_code for page in pages.values()} == {200}, {
        path: page.status_code for path, page in pages.items()
    }
    return {f"Flower's {path}": page.text for path, page in pages.items()}


def _assert_no_trace(where: str, text: str) -> None:
    found = [trace for trace in TRACES if trace in text.lower()]
    if found:
        at = text.lower().index(found[0])
        pytest.fail(f"{found} in {where}: …{text[max(at - 300, 0) : at + 300]}…")
