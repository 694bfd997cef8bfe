"""The demo scenario: three leads, the actions of a coordinator, and an answer by e-mail, each at its second."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from app.ops.demo.client import TIMEOUT, Client

LEADS: Final[Mapping[str, tuple[str, str]]] = {
    "Ana": ("Ana", "Lopez"),
    "Bruno": ("Bruno", "Keller"),
    "Carla": ("Carla", "Svensson"),
}
ENDS_AFTER: Final = 60  # seconds


@dataclass
class Scenario:
    """The coordinator's API client, the URL of the development mailbox, and the ids of the created leads by name."""

    ben: Client
    mailbox: str | None = None
    ids: dict[str, str] = field(default_factory=dict)

    def create_leads(self) -> None:
        source = self.ben.get("/lead-sources", category="WEB_ORGANIC")["items"][0]["id"]
        for name, (first, last) in LEADS.items():
            lead = {"first_name": first, "last_name": last, "email": address_of(name), "source_id": source}
            self.ids[name] = self.ben.post("/leads", lead)["id"]

    def ben_speaks_with_bruno(self) -> None:
        self._log("Bruno", type="PHONE_CALL", outcome="spoke")
        task = self.ben.get(f"/leads/{self.ids['Bruno']}/tasks")["items"]
        for open_task in [t for t in task if t["status"] in {"PENDING", "OVERDUE"}]:
            self.ben.post(
                f"/leads/tasks/{open_task['id']}/complete", {"outcome": "spoke", "notes": "Wants to come in."}
            )

    def bruno_has_an_appointment(self) -> None:
        self._log("Bruno", type="CONSULTATION_SCHEDULED")

    def bruno_was_there(self) -> None:
        self._log("Bruno", type="CONSULTATION_COMPLETED")

    def carla_does_not_answer(self) -> None:
        self._log("Carla", type="PHONE_CALL", outcome="no_answer")

    def carla_answers_the_email(self) -> None:
        """Answer the newest e-mail to Carla in the development mailbox. Without a mailbox, Ben logs the answer."""
        if self.mailbox is None or not self._answer_newest("Carla", "Sorry, I was travelling. Tuesday suits me."):
            self._log("Carla", type="EMAIL", direction="INBOUND")

    def _answer_newest(self, name: str, text: str) -> bool:
        with httpx.Client(base_url=self.mailbox or "", timeout=TIMEOUT) as client:
            messages = client.get("/messages.json").raise_for_status().json()
            newest = next((one["id"] for one in messages if address_of(name) in one["recipients"]), None)
            return newest is not None and client.post(f"/messages/{newest}/answer", data={"text": text}).is_success

    def _log(self, name: str, **activity: str) -> None:
        self.ben.post(f"/leads/{self.ids[name]}/activities", activity)


def address_of(name: str) -> str:
    """Return the e-mail address of a lead of the scenario."""
    return ".".join(LEADS[name]).lower() + "@people.example"


@dataclass(frozen=True, slots=True)
class Action:
    """An action of a user at a second of the scenario."""

    at: float
    text: str
    act: Callable[[Scenario], Any]


ACTIONS: Final = (
    Action(0, "Three leads are created. Each gets an urgent call task at once.", Scenario.create_leads),
    Action(3, "Ben speaks with Bruno. The planned escalation is cancelled.", Scenario.ben_speaks_with_bruno),
    Action(5, "Bruno gets an appointment and a confirmation message.", Scenario.bruno_has_an_appointment),
    Action(7, "Bruno attended. A follow-up is due in three days (6 s).", Scenario.bruno_was_there),
    Action(9, "Ben calls Carla. She does not answer.", Scenario.carla_does_not_answer),
    Action(11, "Ben calls Carla again. She does not answer.", Scenario.carla_does_not_answer),
    Action(
        13,
        "Third failed call. Relance sends a last e-mail and suggests marking her as lost.",
        Scenario.carla_does_not_answer,
    ),
    Action(16, "Carla answers that e-mail. Her pending steps are cancelled at once.", Scenario.carla_answers_the_email),
    Action(18, "Ana was not called. After 24 hours (20 s) this is escalated to the manager.", lambda _: None),
    Action(
        32,
        "Ana's call task is overdue for 24 hours (20 s). Her escalation is open, so there is no second one.",
        lambda _: None,
    ),
)
