"""How a step of a simulated world ends: as those of workers do, as far as nobody outside is asked."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from app.engine.models import Reason


class Done(NamedTuple):
    """It did what it was planned for; `follow` is what happens because of it, once that is written down."""

    details: Mapping[str, Any]
    follow: Callable[[], None] | None = None


class PutOff(NamedTuple):
    """Not now."""

    until: datetime
    reason: Reason


Ending: TypeAlias = Done | PutOff | Reason  # a reason: why it did nothing
