"""Contexts of messages that are read together, before each message is claimed in its own transaction.

Reading takes most of the time of a message. Nothing is locked and nothing is written meanwhile. The claim of a message
checks that no row has changed from which its context was read; otherwise the message is read again. So a cancellation,
an opt-out or a new setting that is committed before the claim holds, as if everything had been read in that moment.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Final, NamedTuple, cast
from uuid import UUID

from sqlalchemy.orm import Session

from app import clock
from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.outages import target_of
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.holds import IS_HELD, SKIPS_MESSAGES
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.load_facts import suppressed_by
from app.messaging.contact_policy.suppression_list import address_hashes
from app.messaging.models import CONTACTED_AT, IS_CONTACT
from workers.pipeline.claim import (
    LOCK_LEAD_AND_STEP,
    OWN,
    ROW_VERSIONS,
    ClaimedStep,
    claim,
    claim_turn,
    prefer_indexes,
)
from workers.pipeline.context import load
from workers.pipeline.due_steps.turns import Turn, Turns

MOST_SECONDS: Final = 0.25  # from reading a message to its claim
CLOCK_SKEW: Final = timedelta(seconds=5)  # between hosts: a message that another one has just sent is seen
MOST_PAUSES: Final = 16

_CLAIM: Final = driver_sql(
    "SELECT s.id FROM steps s JOIN leads l ON l.id = s.lead_id JOIN clinics c ON c.id = s.clinic_id"  # noqa: S608
    f" WHERE {OWN} AND NOT {IS_HELD} AND NOT {SKIPS_MESSAGES}"
    f" AND {ROW_VERSIONS} = ANY((SELECT CAST(:versions AS text[]))::text[])"
    " AND NOT EXISTS (SELECT FROM channel_outages o WHERE o.failures > 0"
    " AND o.target = ANY((SELECT CAST(:targets AS text[]))::text[]))"
    " AND NOT EXISTS (SELECT FROM suppressions x WHERE x.clinic_id = s.clinic_id"
    " AND x.way = ANY((SELECT CAST(:ways AS text[]))::text[])"
    " AND x.address_hash = ANY((SELECT CAST(:hashes AS bytea[]))::bytea[]))"
    f" ORDER BY s.due_at, s.id LIMIT 1{LOCK_LEAD_AND_STEP}"
)


# A statement of its own, after the lock of the lead: another process may have sent a message to the lead and released
# the lock after the claim's statement began, which sees only what was committed before.
_CONTACTED: Final = driver_sql(
    "SELECT 1 AS found FROM notifications WHERE lead_id = :lead"  # noqa: S608
    f" AND {IS_CONTACT} AND {CONTACTED_AT} > :since AND state <> 'pending' LIMIT 1"
)


class Unclaimed(NamedTuple):
    """A message that was read and not claimed yet. `addresses` are the entries of the suppression list that stop it."""

    context: StepContext
    addresses: Sequence[tuple[str, bytes]]
    counts_contacts: bool  # whether earlier messages to the lead may stop it

    @property
    def id(self) -> UUID:
        """The id of the step."""
        return self.context.step.id


class ReadAhead:
    """How many messages of a kind this process reads at once: about as many as it can send before they are too old."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = most
        self._pause, self._waits = 0, 0

    def next_size(self) -> int:
        """Return how many messages to read now; 1: run the next one alone."""
        if self._waits:
            self._waits -= 1
            return 1
        return self._size

    def note(self, read: int, sent: int) -> None:
        """Note how many messages were read, and how many of them have been sent. Nothing read says nothing."""
        if not read:
            return
        enough = min(max(2 * sent, 2), self._most)
        self._size = enough if sent < read else max(enough, self._size)
        self._pause = 0 if sent else min(2 * self._pause or 1, MOST_PAUSES)
        self._waits = self._pause


@lru_cache(maxsize=16)
def read_ahead_of(kind: str) -> ReadAhead:
    """Return the read-ahead of this process for a kind."""
    return ReadAhead(STEP_KINDS[kind].read_ahead)


class Batch:
    """Messages that were read together, the earliest first."""

    def __init__(self, own: Sequence[ClaimedStep], turn: Turn, of_turn: Sequence[ClaimedStep]) -> None:
        self.own = {row.id for row in own}
        self.left: dict[UUID, Unclaimed] = {}
        self.clinics = {row.id: row.clinic_id for row in (*own, *of_turn)}
        self._turn, self._of_turn = turn, of_turn
        self._too_old_at = time.monotonic() + MOST_SECONDS

    def __bool__(self) -> bool:
        """Whether messages are left that are not too old."""
        return bool(self.left) and time.monotonic() < self._too_old_at

    def remove(self, step_id: UUID) -> None:
        """Remove a claimed message, and those before it: they could not be claimed, and are read again."""
        while (first := next(iter(self.left))) != step_id:
            del self.left[first]
        del self.left[step_id]

    def settle(self, turns: Turns, claimed: Collection[UUID]) -> None:
        """Note in the turns which of their steps were claimed. A clinic with others stays in turn."""
        rows = [row for row in self._of_turn if row.id in claimed]
        turns.settle(self._turn if len(rows) == len(self._of_turn) else replace(self._turn, share=len(rows)), rows)


def read(session: Session, kind: str, ids: Sequence[UUID], turns: Turns, *, most: int) -> Batch:
    """Read up to `most` due messages: these steps, and others of the clinic whose turn it is."""
    prefer_indexes(session)
    now = clock.now()
    own = claim(session, kind, ids, now=now, most=most, lock=False)
    turn = turns.share_out(kind, most - len(own))
    of_turn = claim_turn(session, turn, now=now, besides=[row.id for row in own], lock=False)
    batch = Batch(own, turn, of_turn)
    contexts = load(session, [*own, *of_turn], now=now)
    checked = takewhile(_is_checked, contexts)  # so that no message overtakes one that is claimed alone
    batch.left = {one.step.id: _unclaimed(one) for one in checked}
    return batch


def _is_checked(context: StepContext) -> bool:
    """Whether the claim checks everything that the context was read from: see `_CLAIM`."""
    step, note = cast("ClaimedStep", context.step), context.notification
    return (
        note is not None
        and note.user_id is None
        and context.contact is not None
        and not context.contact.facts.is_suppressed
        and not any(message.at > context.now - CLOCK_SKEW for message in context.contact.facts.sent)
        and not step.guard
        and target_of(context) not in context.outages
        and not step.skips_messages
        and context.gateway_context.gateway is None
        and not context.account_context.limits.is_any
        and not CHANNELS.session(note.channel)
        and not CHANNELS.needs_gateway(note.channel)
        and context.coordinator is not None  # whose row is checked, unless the rotation chose them
        and context.coordinator.id == context.lead.assigned_to_id
    )


def _unclaimed(context: StepContext) -> Unclaimed:
    assert context.contact is not None  # noqa: S101  (`_is_checked`)
    addresses = suppressed_by(context.clinic.id, context.contact.attempt)
    counts_contacts = context.clinic.policy.counts_touches and not context.contact.attempt.is_transactional
    hashes = [(kind, hashed) for _, (kind, value) in addresses for hashed in address_hashes(kind, value)]
    return Unclaimed(context, hashes, counts_contacts)


def claim_unchanged(session: Session, messages: Sequence[Unclaimed]) -> UUID | None:
    """Lock the earliest of these messages from which nothing has changed since they were read; None: there is none."""
    if not messages:
        return None
    prefer_indexes(session)
    given = {
        "ids": [one.id for one in messages],
        "versions": [cast("ClaimedStep", one.context.step).row_versions for one in messages],
        "ways": [way for one in messages for way, _ in one.addresses],
        "targets": list({target_of(one.context) for one in messages}),
        "hashes": [hashed for one in messages for _, hashed in one.addresses],
    }
    rows = execute_driver_sql(session, _CLAIM, given)
    message = next((one for one in messages if rows and one.id == rows[0].id), None)
    return None if message is None or _was_contacted(session, message) else message.id


def _was_contacted(session: Session, message: Unclaimed) -> bool:
    """Whether a message to the lead was sent meanwhile that counts for this one. The lead must be locked."""
    if not message.counts_contacts:
        return False
    given = {"lead": message.context.step.lead_id, "since": message.context.now - CLOCK_SKEW}
    return bool(execute_driver_sql(session, _CONTACTED, given))
