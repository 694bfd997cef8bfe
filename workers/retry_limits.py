"""How often a step of each kind is tried before it is a dead letter."""

from app.engine.models import Kind
from app.messaging.delivery.delivery import MOST_TRIES

TRIES: dict[Kind, int] = dict.fromkeys(Kind, 5) | {Kind.DELIVER: MOST_TRIES, Kind.CALL_WEBHOOK: MOST_TRIES}
