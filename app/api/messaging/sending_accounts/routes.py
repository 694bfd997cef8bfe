"""Routes for sending accounts."""

from uuid import UUID

from app.api.messaging.sending_accounts.schemas import (
    SendingAccountChange,
    SendingAccountIn,
    SendingAccountOut,
    SendingAccountQuery,
    SendingAccountTestIn,
    SendingAccountTestOut,
)
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.messaging.channels.base import Outcome, Receipt
from app.messaging.outages.report import SenderWithOutage, clinic_outages, with_outages
from app.messaging.sending_accounts import service, trial_messages
from app.messaging.sending_accounts.models import SendingAccount

blp = Blueprint(
    "sending-accounts",
    __name__,
    url_prefix="/api/sending-accounts",
    description="The clinic's own mail servers and provider accounts.",
)


@blp.get("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(SendingAccountQuery)
@blp.response(200, page_of(SendingAccountOut))
def list_sending_accounts(query: JsonDict) -> Page:
    """List the clinic's sending accounts.

    Sorted by name.
    """
    with reading() as session:
        found = service.list_accounts(session, actor().clinic.id, query)
        shown = with_outages(found.items, clinic_outages(session, actor().clinic.id))
    return Page(shown, found.next_cursor, found.total_count)


@blp.post("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(SendingAccountIn, lookups=service.check_account)
@blp.response(201, SendingAccountOut)
@blp.alt_response(409, "CONFLICT")
def create_sending_account(given: JsonDict) -> SendingAccount:
    """Add a sending account.

    Messages to leads go through it from now on, if it is the default of their channel. The first account of a channel
    is its default. Credentials are stored encrypted and are in no response. `POST /api/sending-accounts/{id}/test`
    shows whether it works.
    """
    with unit_of_work() as session:
        return service.create_account(session, actor(), given)


@blp.get("/<uuid:account_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, SendingAccountOut)
def get_sending_account(account_id: UUID) -> SenderWithOutage:
    """Get a sending account."""
    with reading() as session:
        account = service.read_account(session, actor().clinic.id, account_id)
        [shown] = with_outages([account], clinic_outages(session, actor().clinic.id))
    return shown


@blp.patch("/<uuid:account_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(SendingAccountChange, lookups=service.check_account)
@blp.response(200, SendingAccountOut)
@if_match
def change_sending_account(given: JsonDict, account_id: UUID, seen: SeenVersions) -> SendingAccount:
    """Change a sending account.

    Fields that the body leaves out stay unchanged. Messages that wait for the account check it again at once.
    """
    with unit_of_work() as session:
        return service.change_account(session, actor(), account_id, given, seen=seen)


@blp.delete("/<uuid:account_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(204)
@if_match
def delete_sending_account(account_id: UUID, seen: SeenVersions) -> None:
    """Delete a sending account.

    Its pending messages use another account of their channel. If a rule names it, they wait (`no_account`). E-mail
    without an account goes through the server of this installation. To pause an account, set `is_active` to false.
    """
    with unit_of_work() as session:
        service.delete_account(session, actor().clinic.id, account_id, seen=seen)


@blp.post("/<uuid:account_id>/test")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(SendingAccountTestIn, required=False)
@blp.response(200, SendingAccountTestOut)
def test_sending_account(given: JsonDict, account_id: UUID) -> Receipt:
    """Send a test message.

    It goes to the caller: by e-mail to the address of the user, by SMS or WhatsApp to the number in the body. Returns
    the words of the server or provider. It counts against no limit. Messages that wait for the account are sent after a
    success.
    """
    with reading() as session:
        message = trial_messages.prepare(session, actor(), account_id, given)
    receipt = trial_messages.send(message)  # no transaction is open while the server answers
    if receipt.outcome is Outcome.SENT:
        with unit_of_work() as session:
            trial_messages.note_success(session, actor(), account_id)
    return receipt
