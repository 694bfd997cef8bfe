"""Send messages that were read together. Each is claimed in its own transaction, which also records the one before."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.orm import Session

from app import clock
from app.automation.handlers.support.context import StepContext
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.db import transaction
from app.engine.outcomes import Done, Effects, ExternalCall, Outcome
from workers.database_restarts import is_transient, retry_on_database_restart
from workers.pipeline.external_calls.make_calls import make_calls
from workers.pipeline.external_calls.read_ahead import Batch, Unclaimed, claim_unchanged
from workers.pipeline.outcomes.decide import decide_step
from workers.pipeline.outcomes.write import record_answers, write_outcomes
from workers.pipeline.step_spans import Phases, add_spans

# It waits for no lock: another transaction may hold a row of the message before, and wait for the lead of this one.
_LOCK_RUNNING: Final = driver_sql(
    "SELECT s.id FROM steps s JOIN notifications n ON n.id = :notification WHERE s.id = :id"
    " AND s.state IN ('running', 'unknown') AND s.lease_until = :lease FOR UPDATE SKIP LOCKED"
)
_NO_EFFECTS: Final = Effects()

Decided: TypeAlias = tuple[StepContext, Outcome | ExternalCall]


class CannotWrite(Exception):
    """The claim of a message, or the effects of its guard, could not be written. The transaction was rolled back."""

    def __init__(self, step_id: UUID) -> None:
        super().__init__(step_id)
        self.step_id = step_id


class _Answered(NamedTuple):
    """A message whose answer is not recorded yet."""

    context: StepContext
    outcome: Outcome
    lease: datetime

    @property
    def ends(self) -> Sequence[tuple[StepContext, Outcome]]:
        return [(self.context, self.outcome)]

    @property
    def writes_only_results(self) -> bool:
        """Whether its effects are the results of the message and of the attempt. Others lock further rows."""
        others = replace(self.outcome.effects, delivered=(), notification_states=())
        return (
            isinstance(self.outcome, Done) and others == _NO_EFFECTS and "enrollment_id" not in self.context.step.cause
        )


class OneByOne:
    """Sends the messages of a batch. `claimed` are the ids of those that were claimed."""

    def __init__(self, batch: Batch) -> None:
        self.claimed: set[UUID] = set()
        self._batch = batch
        self._answered: _Answered | None = None

    def send(self) -> None:
        """Send until no message is left or the others are too old. All answers are recorded, also after an error.

        Raises:
            CannotWrite: see there.
        """
        try:
            while self._batch and self._send_next():
                pass
        finally:
            self._record_answer()

    def _send_next(self) -> bool:
        """Claim and send a message. Returns False if none could be claimed."""
        made = retry_on_database_restart(self._claim_next)
        self._record_answer()  # if the claim could not
        if made is None:
            return False
        decided, lease, phases = made
        add_spans([decided], phases)
        context, call = decided
        if isinstance(call, ExternalCall):
            for [(_, outcome)] in make_calls([(context, call)]):
                phases.end("call")
                self._answered = _Answered(context, outcome, lease)
                if not self._answered.writes_only_results:
                    self._record_answer()
                    phases.end("record")
                add_spans([(context, outcome)], phases)
        return True

    def _claim_next(self) -> tuple[Decided, datetime, Phases] | None:
        """Claim and decide a message, and record the answer to the one before in the same transaction."""
        phases = Phases(clock.now())
        with transaction() as session:
            message = self._lock_message(session)
            before = self._lock_answered(session)
            phases.end("claim")
            decided = [_decide(message)] if message else []
            phases.end("decide")
            try:
                lease = write_outcomes(session, [*before, *decided])
            except SoftTimeLimitExceeded:
                raise
            except Exception as error:
                if message is None or is_transient(error):
                    raise
                raise CannotWrite(message.id) from error
        phases.end("write")
        if before:
            self._answered = None
        if message is None:
            return None
        self._batch.remove(message.id)  # after the commit: a claim that is rolled back is made again
        self.claimed.add(message.id)
        return decided[0], lease, phases

    def _lock_message(self, session: Session) -> Unclaimed | None:
        first, *others = self._batch.left.values()
        step_id = claim_unchanged(session, [first]) or claim_unchanged(session, others)
        return self._batch.left[step_id] if step_id else None

    def _lock_answered(self, session: Session) -> Sequence[tuple[StepContext, Outcome]]:
        """Lock the message before. Returns nothing if there is none, or if its rows are locked or changed."""
        if (before := self._answered) is None:
            return []
        given = {"id": before.context.step.id, "notification": before.context.message.id, "lease": before.lease}
        return before.ends if execute_driver_sql(session, _LOCK_RUNNING, given) else []

    def _record_answer(self) -> None:
        if (before := self._answered) is not None:
            retry_on_database_restart(partial(record_answers, before.ends, before.lease), step=before.context.step.id)
            self._answered = None


def _decide(message: Unclaimed) -> Decided:
    """Decide now: the time may have come at which the message must wait."""
    context = replace(message.context, now=clock.now())
    return context, decide_step(context)
