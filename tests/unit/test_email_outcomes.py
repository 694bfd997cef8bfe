"""State of a message after each outcome of an attempt."""

import pytest

from app.messaging.channels.base import Permanent, Receipt, Sent, Transient, Unknown
from app.messaging.delivery.delivery_state import state_after


@pytest.mark.parametrize(
    ("receipt", "tries", "state"),
    [
        (Sent("250 OK"), 1, "sent"),
        (Transient("451 Later"), 1, "pending"),
        (Transient("451 Later"), 7, "pending"),
        (Transient("451 Later"), 8, "failed"),  # the eighth was the last
        (Permanent("550 No such user"), 1, "failed"),
        (Unknown("no answer"), 1, "unknown"),  # never tried again by itself
        (Sent("250 OK"), 8, "sent"),
    ],
)
def test_outcome_decides_the_state(receipt: Receipt, tries: int, state: str):
    assert state_after(receipt, tries) == state
