"""Each shipped playbook with waits of seconds, installed over HTTP and run by real workers from trigger to end."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from app.clock import now
from app.engine.broker import celery
from app.ops.embedded import Postgres, Valkey
from tests.support.chaos import QUICK, OpenClinic, enter
from tests.support.environment import this_process
from tests.support.gateway import Gateway
from tests.support.practice import sql
from tests.support.processes import Processes, wait_until
from tests.support.servers import empty_broker, empty_database
from tests.support.shortened_playbook import shortened
from tests.support.smtp import SmtpServer

PATIENCE: Final = 60.0  # seconds, for a slow machine; 15 are usual
# Messages are sent only by day. In one of these zones it is always about noon.
ZONES: Final = ("Pacific/Auckland", "Asia/Tokyo", "Asia/Dubai", "Europe/Madrid", "America/Sao_Paulo", "America/Phoenix")
_numbers = count(1)


@dataclass(frozen=True)
class PlaybookClinic:
    """A clinic with one playbook, used over HTTP."""

    api: OpenClinic
    mail: SmtpServer
    gateway: Gateway

    def capture(self, **more: Any) -> dict[str, Any]:
        """Create a lead with a unique address."""
        return self._made("/api/leads", self.api.lead_data(next(_numbers), **more))

    def gateway_messages(self, lead: dict[str, Any]) -> list[str]:
        """Return the types of the messages to the lead at the gateway."""
        return [call.said["type"] for call in self.gateway.calls if call.said["lead_id"] == lead["id"]]

    def source(self, category: str) -> str:
        """Return the id of a source of that category."""
        sources = self.api.get("/api/lead-sources", limit=100).json()["items"]
        return next(str(source["id"]) for source in sources if source["category"] == category)

    def log(self, lead: dict[str, Any], type: str, **more: Any) -> None:  # noqa: A002
        self._made(f"/api/leads/{lead['id']}/activities", {"type": type, **more})

    def report(self, lead: dict[str, Any], name: str, **data: Any) -> None:
        self._made("/api/events", {"name": name, "lead_id": lead["id"], "data": data})

    def move(self, lead: dict[str, Any], stage: str) -> None:
        self._post(f"/api/leads/{lead['id']}/stage", {"stage": stage})

    def connect_gateway(self) -> None:
        """Register the gateway for messages."""
        self._made("/api/gateways", {"name": "social", "purpose": "messages", "url": self.gateway.url})

    def run_nurture(self, name: str) -> None:
        """Run the nurture now."""
        [nurture] = [one for one in self.api.get("/api/nurtures").json()["items"] if one["name"] == name]
        answer = self.api.post(f"/api/nurtures/{nurture['id']}/run")
        assert answer.status_code == 202, answer.text
        celery.send_task("sweeps.run_nurtures", queue="sweeps")  # as beat does, twice a minute

    def complete(self, lead: dict[str, Any], title: str, outcome: str = "successful") -> None:
        """Wait for the task and complete it."""
        wait_until(lambda: title in self.tasks(lead), PATIENCE, f"the task {title!r}")
        [task] = [one for one in self._tasks(lead) if one["title"] == title and one["status"] != "COMPLETED"]
        self._post(f"/api/leads/tasks/{task['id']}/complete", {"outcome": outcome})

    def does(self, lead: dict[str, Any], *steps: str) -> None:
        """Wait until these steps of rules are done for the lead, each once, in this order."""
        self._wait_for(lambda: self._done(lead), steps)

    def goes_through(self, lead: dict[str, Any], sequence: str, *steps: str) -> None:
        """Wait until these steps of one sequence are done for the lead, in this order."""
        self._wait_for(lambda: self._passed(lead, sequence), steps)

    def _wait_for(self, done: Callable[[], list[str]], steps: Sequence[str]) -> None:
        wait_until(lambda: len(done()) >= len(steps), PATIENCE, f"these steps to be done: {steps}")
        assert done() == list(steps)

    def tasks(self, lead: dict[str, Any]) -> list[str]:
        """Return the titles of the tasks, oldest first."""
        return [task["title"] for task in sorted(self._tasks(lead), key=lambda task: str(task["created_at"]))]

    def is_done(self, lead: dict[str, Any], title: str) -> bool:
        """Return whether the only task of that title is completed."""
        return [task["status"] for task in self._tasks(lead) if task["title"] == title] == ["COMPLETED"]

    def mails(self, lead: dict[str, Any]) -> list[str]:
        """Return the subjects of the mails to the lead."""
        return [mail.message["Subject"] for mail in self.mail.accepted if mail.recipient == lead["email"]]

    def _done(self, lead: dict[str, Any]) -> list[str]:
        return [step for step in self._steps(lead) if not step.startswith("sequence:") and "/" not in step]

    def _passed(self, lead: dict[str, Any], sequence: str) -> list[str]:
        begins = f"{sequence}/"
        return [step.removeprefix(begins) for step in self._steps(lead) if step.startswith(begins)]

    def _steps(self, lead: dict[str, Any]) -> list[str]:
        """Return the lead's done steps except deliveries, by due time."""
        found = self.api.get(f"/api/leads/{lead['id']}/automation", limit=100).json()["items"]
        done = [step for step in found if step["state"] == "done" and step["kind"] not in MESSAGES]
        return [f"{step['name']}: {step['kind']}" for step in sorted(done, key=_when_due)]

    def _tasks(self, lead: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.get(f"/api/leads/{lead['id']}/tasks", limit=100).json()["items"]
        return found

    def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.api.post(path, body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def _post(self, path: str, body: dict[str, Any]) -> None:
        answer = self.api.post(path, body)
        assert answer.status_code == 200, answer.text


def _when_due(step: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(step["due_at"])


MESSAGES: Final = frozenset({"remind", "deliver", "deliver_to_user"})  # follow the other steps within moments


@pytest.fixture(scope="module")
def open_playbook(database_url: str, postgres: Postgres, valkey: Valkey) -> Iterator[Callable[[str], PlaybookClinic]]:
    """Function that creates a clinic with a playbook. All clinics share one web server and one worker."""
    empty_database(postgres)
    empty_broker(valkey)
    processes = Processes(this_process() / "logs")
    with SmtpServer() as mail, Gateway() as gateway:
        env = {**QUICK, "HORIZON_SECONDS": "20", "VISIBILITY_TIMEOUT": "60"}
        env |= {"SMTP_URL": mail.url, "OUTGOING_ALLOW": gateway.place}
        worker = processes.start_worker("steps,deliveries,sweeps", concurrency=2, env=env, wait=False)
        processes.start_beat(env=env)
        url = processes.start_web(env=env).url
        worker.wait_for(" ready.")
        yield lambda name: PlaybookClinic(_open(url, name), mail, gateway)
        processes.kill_all()


def _open(url: str, name: str) -> OpenClinic:
    zone = min(ZONES, key=lambda zone: abs(datetime.now(UTC).astimezone(ZoneInfo(zone)).hour - 13))
    clinic = enter(url, name=name.replace("_", "-"), zone=zone)
    # The address of media must be public. An IP address needs no name server.
    playbook = shortened(name).replace("media.example", "8.8.8.8")
    answer = clinic.post("/api/playbooks/import", {"yaml": playbook})
    assert answer.status_code == 200, answer.text
    return clinic


def test_orthodontics_runs_from_first_task_to_break_up_email(open_playbook: Callable[[str], PlaybookClinic]) -> None:
    """lead-management.md 8.1.5: its automated follow-up rules."""
    clinic = open_playbook("orthodontics")
    untouched = clinic.capture()
    patient = clinic.capture(patient_first_name="Tom")
    silent = clinic.capture()
    undecided = clinic.capture()
    called = "speed-to-lead: create_task"
    for lead in (patient, undecided):  # a contact would end the first call
        clinic.does(lead, called)
    clinic.log(patient, "CONSULTATION_SCHEDULED", scheduled_for=(now() + timedelta(days=2)).isoformat())
    clinic.log(patient, "CONSULTATION_COMPLETED")
    for _ in range(3):
        clinic.log(silent, "PHONE_CALL", outcome="no_answer")
    clinic.move(undecided, "pending_decision")

    clinic.does(untouched, called, "no-contact-24h: escalate")
    assert clinic.tasks(untouched) == ["Initial Contact", "No contact in 24 hours"]
    clinic.does(
        patient, called, "consultation-confirmation: send_message", "post-consult-follow-up: create_task"
    )  # a booked consultation, as any later stage, prevents the escalation
    assert clinic.mails(patient) == ["Tom's consultation at A clinic"]
    clinic.does(undecided, called, "pending-decision-check-in: create_task")
    clinic.does(
        silent, called, "break-up-email: send_message", "break-up-email: suggest_lost", "no-contact-24h: escalate"
    )
    assert clinic.mails(silent) == ["Shall we leave it here for now, Ana?"]


def test_moving_sales_follows_up_websites_quotes_callbacks_and_lost_leads(
    open_playbook: Callable[[str], PlaybookClinic],
) -> None:
    """simplepro-follow-up-automation.md: its default rules and examples."""
    clinic = open_playbook("moving_sales")
    website = clinic.capture(source_id=clinic.source("WEB_ORGANIC"))
    quoted, lost, won, urgent = (clinic.capture(**more) for more in ({}, {}, {}, {"tags": ["urgent"]}))
    clinic.log(quoted, "QUOTE_SENT")
    for lead, path, body in ((lost, "lost", {"reason": "COST_FINANCIAL"}), (won, "convert", {})):
        answer = clinic.api.post(f"/api/leads/{lead['id']}/{path}", body)
        assert answer.status_code == 200, answer.text

    clinic.does(quoted, "quote-follow-up: create_task")
    clinic.complete(quoted, "Follow up on quote", "callback_requested")
    clinic.does(quoted, "quote-follow-up: create_task", "callback-requested: create_task")
    clinic.does(lost, "lost-re-engagement: create_task")
    clinic.does(won, "won-create-job: create_task", "won-create-job: notify")
    clinic.does(urgent, "urgent-lead: create_task", "urgent-lead: notify")
    assert clinic.tasks(quoted) == ["Follow up on quote", "Return customer callback"]
    clinic.does(website, "website-lead-follow-up: create_task")


def test_immigration_runs_sequences_payments_and_passport_renewal(
    open_playbook: Callable[[str], PlaybookClinic],
) -> None:
    """bansalcrm2-follow-up-guide.md: its use cases."""
    clinic = open_playbook("immigration")
    payer = clinic.capture()
    clinic.report(payer, "custom.invoice_created", invoice="A")
    clinic.goes_through(payer, "payment", "friendly: create_task")
    clinic.report(payer, "custom.invoice_paid", invoice="A")
    client, debtor, reader = (clinic.capture() for _ in range(3))
    clinic.move(client, "client")
    clinic.report(debtor, "custom.invoice_created", invoice="A")
    clinic.report(reader, "custom.guide_downloaded")
    hot, quiet = clinic.capture(score=50), clinic.capture()
    clinic.report(hot, "custom.pricing_viewed", times_today=5)
    expires = str((now() + timedelta(days=150)).date())  # within 180 days, so the rule fires now
    expiring = clinic.capture(custom={"passport_expiry": expires})

    clinic.complete(client, "Initial consultation call")
    clinic.complete(expiring, "Inform client about passport renewal")
    wait_until(lambda: clinic.is_done(payer, "Friendly payment reminder"), PATIENCE, "the reminder to be completed")
    clinic.goes_through(
        client,
        "client-onboarding",
        *("welcome: send_message", "first-call: create_task", "checklist: create_task", "documents: create_task"),
        *("are-they-there: branch", "remind: send_message", "progress-call: create_task", "is-there-progress: branch"),
        "no-progress: notify",
    )
    clinic.goes_through(
        debtor,
        "payment",
        *("friendly: create_task", "first-email: send_message", "second: create_task", "urgent-email: send_message"),
        *("call: create_task", "alert: notify", "collections: notify"),
    )
    clinic.goes_through(
        reader,
        "guide-nurture",
        *("thanks: send_message", "tips: send_message", "tips-clicked: branch", "story: send_message"),
        *("is-interested: branch", "offer: create_task", "last: send_message"),
    )
    clinic.goes_through(payer, "payment", "friendly: create_task")  # and no further
    clinic.does(hot, "pricing-viewed: update_lead", *("hot-lead: create_task", "hot-lead: notify"), ESCALATED)
    clinic.does(expiring, "passport-expires: create_task", "passport-renewal-status: create_task")
    clinic.does(quiet, "no-contact-60-days: create_task")
    assert clinic.mails(client) == ["Welcome to A clinic, Ana", "Your documents, Ana"]
    assert clinic.mails(debtor) == ["A friendly reminder of your invoice", "Your invoice is overdue"]
    assert (len(clinic.mails(reader)), clinic.mails(payer)) == (4, [])


ESCALATED: Final = "hot-lead-escalation: escalate"


def test_social_nurture_sends_five_messages_to_silent_leads(open_playbook: Callable[[str], PlaybookClinic]) -> None:
    """leads-follow-up-feature.md: scored 2 to 6 of 10 and silent for 24 hours: texts, a picture and a film."""
    clinic = open_playbook("social_nurture")
    clinic.connect_gateway()
    someone = {"social_platform": "INSTAGRAM", "social_handle": "ana"}
    silent, cold, fresh = (clinic.capture(score=score, **someone) for score in (40, 10, 40))
    yesterday = {"at": now() - timedelta(hours=25), "ids": [silent["id"], cold["id"]]}
    sql("UPDATE leads SET created_at = :at, last_touch_at = :at WHERE id = ANY(CAST(:ids AS uuid[]))", **yesterday)
    clinic.run_nurture("social-nurture")

    messages = (f"{which}: send_message" for which in ("first", "second", "third", "fourth", "fifth"))
    clinic.goes_through(silent, "social-nurture", *messages)
    wait_until(lambda: len(clinic.gateway_messages(silent)) == 5, PATIENCE, "the five messages to be handed on")
    assert clinic.gateway_messages(silent) == ["text", "text", "image", "video", "text"]
    assert (clinic.gateway_messages(cold), clinic.gateway_messages(fresh)) == ([], [])
