"""Test a destination: a short notice that goes only there."""

from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.engine.service import add_steps
from app.identity.actor import Actor
from app.messaging.compose import MessageMetadata, Recipient, compose_routes, delivery_steps, insert_notifications
from app.messaging.rendering.render import Wording
from app.messaging.user_preferences.destinations import (
    ShownDestination,
    find_destination,
    read_destination,
    require_user,
)
from app.messaging.user_preferences.routes import Route

TEMPLATE: Final = "destination-test"


def send_test(session: Session, actor: Actor, destination_id: UUID) -> ShownDestination:
    """Send a test to one of the caller's destinations. Raises NotFound.

    The result is in the destination as soon as a worker has sent it.
    """
    row, at = find_destination(session, actor, destination_id, lock=True), now()
    rows = compose_routes(
        Wording(f"Test from {actor.clinic.name}", "Notices for you arrive here."),
        Recipient(require_user(actor), None),
        metadata=MessageMetadata(actor.clinic.id, template=TEMPLATE),
        routes=[Route(row.channel, row.id)],
        at=at,
    )
    insert_notifications(session, rows)
    row.test_id = rows[0]["id"]
    session.flush()
    add_steps(session, delivery_steps(rows, due_at=at))
    return read_destination(session, actor, destination_id)
