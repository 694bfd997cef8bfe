"""The story: three people ask, and what the clinic does about each. One line for each turn, at its second."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.ops.demo.client import Client

LEADS: Final[Mapping[str, tuple[str, str]]] = {
    "Ana": ("Ana", "Lopez"),
    "Bruno": ("Bruno", "Keller"),
    "Carla": ("Carla", "Svensson"),
}
ENDS_AFTER: Final = 60  # seconds


@dataclass
class Story:
    """The leads by name, once they came in, told by the coordinator's hands."""

    ben: Client
    ids: dict[str, str] = field(default_factory=dict)

    def three_leads_come_in(self) -> None:
        source = self.ben.get("/lead-sources", category="WEB_ORGANIC")["items"][0]["id"]
        for name, (first, last) in LEADS.items():
            email = f"{first}.{last}@people.example".lower()
            lead = {"first_name": first, "last_name": last, "email": email, "source_id": source}
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

    def carla_writes_back(self) -> None:
        self._log("Carla", type="EMAIL", direction="INBOUND")

    def _log(self, name: str, **activity: str) -> None:
        self.ben.post(f"/leads/{self.ids[name]}/activities", activity)


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that a person does, at a second of the story."""

    at: float
    told: str
    act: Callable[[Story], Any]


TURNS: Final = (
    Turn(0, "Three leads come in. Each gets an urgent call task within moments.", Story.three_leads_come_in),
    Turn(3, "Ben reaches Bruno: nobody has to be told that he was forgotten.", Story.ben_speaks_with_bruno),
    Turn(5, "Bruno gets an appointment, and its confirmation.", Story.bruno_has_an_appointment),
    Turn(7, "Bruno was there. In three days (6 s) somebody will ask him.", Story.bruno_was_there),
    Turn(9, "Ben calls Carla. She does not answer.", Story.carla_does_not_answer),
    Turn(11, "Ben calls Carla again. She does not answer.", Story.carla_does_not_answer),
    Turn(
        13, "A third time. Relance writes her a last e-mail, and suggests to give her up.", Story.carla_does_not_answer
    ),
    Turn(16, "Carla writes back! What was pending for her is cancelled at once.", Story.carla_writes_back),
    Turn(18, "Nobody called Ana. After 24 hours (20 s) that becomes the manager's affair.", lambda _: None),
    Turn(32, "Her call is still not made: overdue, and after 24 hours (20 s) escalated again.", lambda _: None),
)
