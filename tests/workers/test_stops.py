"""Stop events (reply, contact, opt-out, conversion, loss): no message is sent after their commit."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from app import clock
from app.engine.models import PENDING, Kind
from app.engine.step_kind import STEP_KINDS
from app.errors import Conflict
from app.ops.embedded import Postgres, Valkey
from tests.support.practice import TUESDAY, Practice, Watch
from tests.support.servers import empty_every_table
from tests.support.smtp import DROP, SmtpServer
from workers.sweeps.run import sweep

KINDS = [kind for kind in STEP_KINDS if kind != Kind.IMPORT_CHUNK]
STOPS: dict[str, Callable[[Practice, UUID], None]] = {
    "reply": Practice.hear_from,
    "contact": Practice.speak_with,
    "opt-out": Practice.opt_out,
    "conversion": Practice.convert,
    "loss": Practice.lose,
}
FOR_GOOD = {"opt-out", "conversion", "loss"}  # no further message to the lead; others cancel earlier plans only


def tomorrow() -> Any:
    return clock.now() + timedelta(days=1)


ACTS: dict[str, Callable[[Practice, UUID], object]] = {
    "attempt": Practice.log,
    "three attempts": Practice.fail_to_reach,
    "consultation": lambda ours, lead: ours.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=tomorrow()),
    "consulted": lambda ours, lead: ours.log(lead, "CONSULTATION_COMPLETED"),
    "deciding": lambda ours, lead: ours.move(lead, "pending_decision"),
    "task": lambda ours, lead: ours.plan(lead, tomorrow(), reminder_minutes=[15, 60, 2880]),
}
MOODS = [
    ("rcpt", "450 4.2.0 Later"),
    ("rcpt", "550 5.1.1 Nobody"),
    ("dot", "451 4.3.0 Later"),
    ("dot", DROP),
    ("mail", DROP),
]


@dataclass(frozen=True)
class SharedFixtures:
    """Fixtures shared by all examples; each example starts with an empty database."""

    open_practice: Callable[..., Practice]
    watch: Watch
    smtp: SmtpServer
    postgres: Postgres
    valkey: Valkey

    def begin(self) -> Practice:
        empty_every_table(self.postgres)
        self.valkey.flush()
        self.smtp.behave()
        self.smtp.received.clear()
        self.watch.set(TUESDAY)
        return self.open_practice()


class Actions(RuleBasedStateMachine):
    """Users and workers act in any order; one second passes before each action."""

    world: ClassVar[SharedFixtures]

    def __init__(self) -> None:
        super().__init__()
        self.practice = self.world.begin()
        self.leads = [self.practice.capture()]
        self.stops: list[tuple[UUID, str, Any]] = []
        self.heard = 0

    @rule()
    @precondition(lambda self: len(self.leads) < 3)
    def capture(self) -> None:
        self.leads.append(self.practice.capture())

    @rule(who=st.integers(0, 2), act=st.sampled_from(sorted(ACTS)))
    def perform_action(self, who: int, act: str) -> None:
        self.world.watch.advance(seconds=1)
        with suppress(Conflict):  # the lead is closed
            ACTS[act](self.practice, self.leads[who % len(self.leads)])

    @rule(who=st.integers(0, 2), stop=st.sampled_from(sorted(STOPS)))
    def stop(self, who: int, stop: str) -> None:
        self.world.watch.advance(seconds=1)
        lead = self.leads[who % len(self.leads)]
        with suppress(Conflict):
            STOPS[stop](self.practice, lead)
            self.stops.append((lead, stop, clock.now()))

    @rule(kind=st.sampled_from(KINDS))
    def run_due_steps(self, kind: str) -> None:
        self.world.watch.advance(seconds=1)
        self.practice.run(kind)

    @rule(data=st.data())
    def deliver_early_or_repeated_message(self, data: st.DataObject) -> None:
        self.world.watch.advance(seconds=1)
        steps = self.practice.steps()
        step = steps[data.draw(st.integers(0, len(steps) - 1))]
        self.practice.run(step.kind, step)

    @rule(name=st.sampled_from(["publish_due_steps", "mark_overdue_tasks", "rescue_expired_leases"]))
    def sweep(self, name: str) -> None:
        sweep(name)

    @rule(minutes=st.sampled_from([1, 20, 12 * 60, 25 * 60, 8 * 24 * 60]))
    def advance_clock(self, minutes: int) -> None:
        self.world.watch.advance(minutes=minutes)

    @rule(mood=st.sampled_from(MOODS))
    def change_mail_server_behavior(self, mood: tuple[str, str]) -> None:
        self.world.smtp.on(*mood, times=1)

    @invariant()
    def no_message_after_a_stop(self) -> None:
        new, self.heard = self.world.smtp.received[self.heard :], len(self.world.smtp.received)
        for mail in new:
            [note] = self.practice.rows("notifications", message_id=mail.message["Message-ID"])
            written_at = self.practice.step(id=note.step_id).created_at
            for lead, stop, at in self.stops:
                if lead == note.lead_id:
                    self.allowed(note, stop, written_at > at)

    @staticmethod
    def allowed(note: Any, stop: str, planned_later: bool) -> None:
        """Raise an error unless this message may be sent after that stop."""
        if note.user_id is None and stop in FOR_GOOD:
            raise AssertionError(f"{note.template} to a lead after {stop}")
        if stop in {"conversion", "loss"}:
            raise AssertionError(f"{note.template} about a lead after {stop}")
        if note.template == "break-up-email" and not planned_later:
            raise AssertionError(f"{note.template} after {stop}")

    @invariant()
    def no_message_is_sent_twice(self) -> None:
        taken = [mail for mail in self.world.smtp.received if mail.answered.startswith("250") or mail.answered == DROP]
        times = Counter(mail.message["Message-ID"] for mail in taken)
        assert not times or max(times.values()) == 1

    @invariant()
    def every_step_has_a_consistent_state(self) -> None:
        over = {lead for lead, stop, _ in self.stops if stop in {"conversion", "loss"}}
        for step in self.practice.steps():
            if step.state in PENDING:
                assert step.finished_at is None
                assert step.lead_id not in over
                assert (step.published_at is None) == (step.state == "planned")
            else:
                assert step.state in {"done", "skipped", "cancelled", "failed", "unknown"}
                assert step.finished_at is not None
            assert (step.reason is not None) or step.state not in {"skipped", "cancelled"}
            assert (step.error is not None) or step.state not in {"failed", "unknown"}
            assert (step.outcome is not None) or step.state != "done"

    @invariant()
    def message_and_delivery_states_agree(self) -> None:
        states = {
            "done": "sent", "skipped": "suppressed", "cancelled": "suppressed", "failed": "failed",
            "unknown": "unknown", "planned": "pending", "published": "pending",
        }  # fmt: skip
        delivery_of = {step.params["notification_id"]: step for step in self.practice.steps(kind="deliver")}
        for note in self.practice.rows("notifications", channel="email"):
            assert states[delivery_of[str(note.id)].state] == note.state

    def teardown(self) -> None:
        """Advance the clock until every step has finished."""
        for _ in range(40):
            self.world.watch.advance(hours=20)
            for kind in KINDS:
                self.practice.run(kind)
            self.no_message_after_a_stop()
            if not self.practice.pending():
                return
        raise AssertionError(f"never ended: {self.practice.pending()}")


def test_no_message_is_sent_after_a_stop_in_any_order(
    open_practice: Callable[..., Practice], watch: Watch, smtp: SmtpServer, postgres: Postgres, valkey: Valkey
):
    Actions.world = SharedFixtures(open_practice, watch, smtp, postgres, valkey)
    run_state_machine_as_test(
        Actions,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.reuse, Phase.generate],  # an example of 25 acts can be read; making it smaller takes minutes
        ),
    )
