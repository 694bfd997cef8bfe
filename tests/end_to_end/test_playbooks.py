"""Each playbook that ships, with waits of seconds: installed over HTTP, and run by real workers from trigger to end."""

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

PATIENCE: Final = 60.0  # for a slow machine: all is done within a quarter of a minute
# Nobody is written to at night, and tests run at any time: one of these is always about its noon.
ZONES: Final = ("Pacific/Auckland", "Asia/Tokyo", "Asia/Dubai", "Europe/Madrid", "America/Sao_Paulo", "America/Phoenix")
_numbers = count(1)


@dataclass(frozen=True)
class Shop:
    """A clinic with one playbook, seen from outside."""

    clinic: OpenClinic
    mail: SmtpServer
    gateway: Gateway

    def capture(self, **more: Any) -> dict[str, Any]:
        """A new lead, with an address of its own."""
        return self._made("/api/leads", self.clinic.lead_data(next(_numbers), **more))

    def said(self, lead: dict[str, Any]) -> list[str]:
        """The types of what the gateway was to hand on to the lead."""
        return [call.said["type"] for call in self.gateway.calls if call.said["lead_id"] == lead["id"]]

    def source(self, category: str) -> str:
        """The id of a source of that kind."""
        sources = self.clinic.get("/api/lead-sources", limit=100).json()["items"]
        return next(str(source["id"]) for source in sources if source["category"] == category)

    def log(self, lead: dict[str, Any], type: str, **more: Any) -> None:  # noqa: A002
        self._made(f"/api/leads/{lead['id']}/activities", {"type": type, **more})

    def report(self, lead: dict[str, Any], name: str, **data: Any) -> None:
        self._made("/api/events", {"name": name, "lead_id": lead["id"], "data": data})

    def move(self, lead: dict[str, Any], stage: str) -> None:
        self._post(f"/api/leads/{lead['id']}/stage", {"stage": stage})

    def connect_gateway(self) -> None:
        """What hands messages on."""
        self._made("/api/gateways", {"name": "social", "purpose": "messages", "url": self.gateway.url})

    def run_nurture(self, name: str) -> None:
        """At once, rather than at its hour."""
        [nurture] = [one for one in self.clinic.get("/api/nurtures").json()["items"] if one["name"] == name]
        answer = self.clinic.post(f"/api/nurtures/{nurture['id']}/run")
        assert answer.status_code == 202, answer.text
        celery.send_task("sweeps.run_nurtures", queue="sweeps")  # as beat does, twice a minute

    def complete(self, lead: dict[str, Any], title: str, outcome: str = "successful") -> None:
        """Once there is such a task."""
        wait_until(lambda: title in self.tasks(lead), PATIENCE, f"the task {title!r}")
        [task] = [one for one in self._tasks(lead) if one["title"] == title and one["status"] != "COMPLETED"]
        self._post(f"/api/leads/tasks/{task['id']}/complete", {"outcome": outcome})

    def does(self, lead: dict[str, Any], *steps: str) -> None:
        """Waits until so many steps of rules are done for the lead: these, each once, in this order."""
        self._wait_for(lambda: self._done(lead), steps)

    def goes_through(self, lead: dict[str, Any], sequence: str, *steps: str) -> None:
        """As `does`, of the steps of one sequence."""
        self._wait_for(lambda: self._passed(lead, sequence), steps)

    def _wait_for(self, done: Callable[[], list[str]], steps: Sequence[str]) -> None:
        wait_until(lambda: len(done()) >= len(steps), PATIENCE, f"these steps to be done: {steps}")
        assert done() == list(steps)

    def tasks(self, lead: dict[str, Any]) -> list[str]:
        """The titles, in the order in which they were made."""
        return [task["title"] for task in sorted(self._tasks(lead), key=lambda task: str(task["created_at"]))]

    def is_done(self, lead: dict[str, Any], title: str) -> bool:
        """Whether there is such a task, and nobody has to do it any more."""
        return [task["status"] for task in self._tasks(lead) if task["title"] == title] == ["COMPLETED"]

    def mails(self, lead: dict[str, Any]) -> list[str]:
        """The subjects of what came to the lead's own mailbox."""
        return [mail.message["Subject"] for mail in self.mail.accepted if mail.recipient == lead["email"]]

    def _done(self, lead: dict[str, Any]) -> list[str]:
        return [step for step in self._steps(lead) if not step.startswith("sequence:") and "/" not in step]

    def _passed(self, lead: dict[str, Any], sequence: str) -> list[str]:
        begins = f"{sequence}/"
        return [step.removeprefix(begins) for step in self._steps(lead) if step.startswith(begins)]

    def _steps(self, lead: dict[str, Any]) -> list[str]:
        """What is done for the lead, in the order in which it was due."""
        found = self.clinic.get(f"/api/leads/{lead['id']}/automation", limit=100).json()["items"]
        done = [step for step in found if step["state"] == "done" and step["kind"] not in MESSAGES]
        return [f"{step['name']}: {step['kind']}" for step in sorted(done, key=_when_due)]

    def _tasks(self, lead: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.clinic.get(f"/api/leads/{lead['id']}/tasks", limit=100).json()["items"]
        return found

    def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.clinic.post(path, body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def _post(self, path: str, body: dict[str, Any]) -> None:
        answer = self.clinic.post(path, body)
        assert answer.status_code == 200, answer.text


def _when_due(step: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(step["due_at"])


MESSAGES: Final = frozenset({"remind", "deliver", "deliver_to_user"})  # told besides, each a moment later


@pytest.fixture(scope="module")
def open_shop(database_url: str, postgres: Postgres, valkey: Valkey) -> Iterator[Callable[[str], Shop]]:
    """Opens a clinic with a playbook. One web server and one worker serve all of them."""
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
        yield lambda name: Shop(_open(url, name), mail, gateway)
        processes.kill_all()


def _open(url: str, name: str) -> OpenClinic:
    zone = min(ZONES, key=lambda zone: abs(datetime.now(UTC).astimezone(ZoneInfo(zone)).hour - 13))
    clinic = enter(url, name=name.replace("_", "-"), zone=zone)
    # Media are to be of the clinic's own: an address of numbers is one that can be looked at wherever tests run.
    playbook = shortened(name).replace("media.example", "8.8.8.8")
    answer = clinic.post("/api/playbooks/import", {"yaml": playbook})
    assert answer.status_code == 200, answer.text
    return clinic


def test_orthodontics_from_a_new_lead_to_the_break_up_email(open_shop: Callable[[str], Shop]) -> None:
    """lead-management.md 8.1.5: its automated follow-up rules."""
    shop = open_shop("orthodontics")
    nobody = shop.capture()
    patient = shop.capture(patient_first_name="Tom")
    shop.log(patient, "CONSULTATION_SCHEDULED", scheduled_for=(now() + timedelta(days=2)).isoformat())
    shop.log(patient, "CONSULTATION_COMPLETED")
    silent = shop.capture()
    for _ in range(3):
        shop.log(silent, "PHONE_CALL", outcome="no_answer")
    undecided = shop.capture()
    shop.move(undecided, "pending_decision")

    called = "speed-to-lead: create_task"
    shop.does(nobody, called, "no-contact-24h: escalate")
    assert shop.tasks(nobody) == ["Initial Contact", "No contact in 24 hours"]
    shop.does(
        patient, called, "consultation-confirmation: send_message", "post-consult-follow-up: create_task"
    )  # who was met is not escalated
    assert shop.mails(patient) == ["Tom's consultation at A clinic"]
    shop.does(undecided, called, "no-contact-24h: escalate", "pending-decision-check-in: create_task")
    shop.does(
        silent, called, "break-up-email: send_message", "break-up-email: suggest_lost", "no-contact-24h: escalate"
    )
    assert shop.mails(silent) == ["Shall we leave it here for now, Ana?"]


def test_moving_sales_calls_websites_quotes_callbacks_and_what_was_lost(open_shop: Callable[[str], Shop]) -> None:
    """simplepro-follow-up-automation.md: its default rules and examples."""
    shop = open_shop("moving_sales")
    website = shop.capture(source_id=shop.source("WEB_ORGANIC"))
    quoted, lost, won, urgent = (shop.capture(**more) for more in ({}, {}, {}, {"tags": ["urgent"]}))
    shop.log(quoted, "QUOTE_SENT")
    for lead, path, body in ((lost, "lost", {"reason": "COST_FINANCIAL"}), (won, "convert", {})):
        answer = shop.clinic.post(f"/api/leads/{lead['id']}/{path}", body)
        assert answer.status_code == 200, answer.text

    shop.does(quoted, "quote-follow-up: create_task")
    shop.complete(quoted, "Follow up on quote", "callback_requested")
    shop.does(quoted, "quote-follow-up: create_task", "callback-requested: create_task")
    shop.does(lost, "lost-re-engagement: create_task")
    shop.does(won, "won-create-job: create_task", "won-create-job: notify")
    shop.does(urgent, "urgent-lead: create_task", "urgent-lead: notify")
    assert shop.tasks(quoted) == ["Follow up on quote", "Return customer callback"]
    shop.does(website, "website-lead-follow-up: create_task")


def test_immigration_from_the_first_download_to_the_renewed_passport(open_shop: Callable[[str], Shop]) -> None:
    """bansalcrm2-follow-up-guide.md: its use cases."""
    shop = open_shop("immigration")
    payer = shop.capture()
    shop.report(payer, "custom.invoice_created")
    shop.goes_through(payer, "payment", "friendly: create_task")
    shop.report(payer, "custom.invoice_paid")
    client, debtor, reader = (shop.capture() for _ in range(3))
    shop.move(client, "client")
    shop.report(debtor, "custom.invoice_created")
    shop.report(reader, "custom.guide_downloaded")
    hot, quiet = shop.capture(score=50), shop.capture()
    shop.report(hot, "custom.pricing_viewed", times_today=5)
    expires = str((now() + timedelta(days=150)).date())  # sooner than in 180 days: at once
    expiring = shop.capture(custom={"passport_expiry": expires})

    shop.complete(client, "Initial consultation call")
    shop.complete(expiring, "Inform client about passport renewal")
    wait_until(lambda: shop.is_done(payer, "Friendly payment reminder"), PATIENCE, "the reminder to be done with")
    shop.goes_through(
        client,
        "client-onboarding",
        *("welcome: send_message", "first-call: create_task", "checklist: create_task", "documents: create_task"),
        *("are-they-there: branch", "remind: send_message", "progress-call: create_task", "is-there-progress: branch"),
        "no-progress: notify",
    )
    shop.goes_through(
        debtor,
        "payment",
        *("friendly: create_task", "first-email: send_message", "second: create_task", "urgent-email: send_message"),
        *("call: create_task", "alert: notify", "collections: notify"),
    )
    shop.goes_through(
        reader,
        "guide-nurture",
        *("thanks: send_message", "tips: send_message", "tips-clicked: branch", "story: send_message"),
        *("is-interested: branch", "offer: create_task", "last: send_message"),
    )
    shop.goes_through(payer, "payment", "friendly: create_task")  # and no further
    shop.does(hot, "pricing-viewed: update_lead", *("hot-lead: create_task", "hot-lead: notify"), ESCALATED)
    shop.does(expiring, "passport-expires: create_task", "passport-renewal-status: create_task")
    shop.does(quiet, "no-contact-60-days: create_task")
    assert shop.mails(client) == ["Welcome to A clinic, Ana", "Your documents, Ana"]
    assert shop.mails(debtor) == ["A friendly reminder of your invoice", "Your invoice is overdue"]
    assert (len(shop.mails(reader)), shop.mails(payer)) == (4, [])


ESCALATED: Final = "hot-lead-escalation: escalate"


def test_social_nurture_takes_who_fell_silent_and_writes_five_times(open_shop: Callable[[str], Shop]) -> None:
    """leads-follow-up-feature.md: leads scored 2 to 6 that were silent for 24 hours, texts, a picture and a film."""
    shop = open_shop("social_nurture")
    shop.connect_gateway()
    someone = {"social_platform": "INSTAGRAM", "social_handle": "ana"}
    silent, cold, fresh = (shop.capture(score=score, **someone) for score in (4, 1, 4))
    yesterday = {"at": now() - timedelta(hours=25), "ids": [silent["id"], cold["id"]]}
    sql("UPDATE leads SET created_at = :at, last_touch_at = :at WHERE id = ANY(CAST(:ids AS uuid[]))", **yesterday)
    shop.run_nurture("social-nurture")

    messages = (f"{which}: send_message" for which in ("first", "second", "third", "fourth", "fifth"))
    shop.goes_through(silent, "social-nurture", *messages)
    wait_until(lambda: len(shop.said(silent)) == 5, PATIENCE, "the five messages to be handed on")
    assert shop.said(silent) == ["text", "text", "image", "video", "text"]
    assert (shop.said(cold), shop.said(fresh)) == ([], [])
