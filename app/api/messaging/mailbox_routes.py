"""Routes for mailboxes. Their mail is read by IMAP."""

from uuid import UUID

from app.api.messaging.mailbox_schemas import MailboxChange, MailboxIn, MailboxOut, MailboxQuery, MailboxTestOut
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.messaging.mailboxes import service
from app.messaging.mailboxes.models import Mailbox

blp = Blueprint(
    "mailboxes", __name__, url_prefix="/api/mailboxes", description="Mailboxes. Their mail is read by IMAP."
)


@blp.get("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(MailboxQuery)
@blp.response(200, page_of(MailboxOut))
def list_mailboxes(query: JsonDict) -> Page:
    """List the clinic's mailboxes.

    Sorted by name.
    """
    with reading() as session:
        return service.list_mailboxes(session, actor().clinic.id, query)


@blp.post("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(MailboxIn, lookups=service.check_address)
@blp.response(201, MailboxOut)
@blp.alt_response(409, "CONFLICT")
def create_mailbox(given: JsonDict) -> Mailbox:
    """Add a mailbox.

    Its mail is read from now on, or since the day `since`. The host is public and uses TLS or STARTTLS. The password is
    stored encrypted and is in no response. `POST /api/mailboxes/{id}/test` shows whether it works.
    """
    with unit_of_work() as session:
        return service.create_mailbox(session, actor().clinic.id, given)


@blp.get("/<uuid:mailbox_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, MailboxOut)
def get_mailbox(mailbox_id: UUID) -> Mailbox:
    """Get a mailbox."""
    with reading() as session:
        return service.read_mailbox(session, actor().clinic.id, mailbox_id)


@blp.patch("/<uuid:mailbox_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(MailboxChange, lookups=service.check_address)
@blp.response(200, MailboxOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def change_mailbox(given: JsonDict, mailbox_id: UUID, seen: SeenVersions) -> Mailbox:
    """Change a mailbox.

    Fields that the body leaves out stay unchanged. After a change of host, port, user name, folder or `since`, reading
    begins again: from now on, or since that day. Mails that were received before are recognized.
    """
    with unit_of_work() as session:
        return service.change_mailbox(session, actor().clinic.id, mailbox_id, given, seen=seen)


@blp.delete("/<uuid:mailbox_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(204)
@if_match
def delete_mailbox(mailbox_id: UUID, seen: SeenVersions) -> None:
    """Delete a mailbox.

    Mails that were received stay. To pause a mailbox, set `is_active` to false.
    """
    with unit_of_work() as session:
        service.delete_mailbox(session, actor().clinic.id, mailbox_id, seen=seen)


@blp.post("/<uuid:mailbox_id>/test")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, MailboxTestOut)
def test_mailbox(mailbox_id: UUID) -> service.MailboxTest:
    """Test a mailbox.

    Signs in and opens the folder. Returns the number of mails, and whether the server reports new mail at once. No mail
    is read or changed.
    """
    with reading() as session:
        login = service.login_of(service.read_mailbox(session, actor().clinic.id, mailbox_id))
    return service.try_mailbox(login)  # no transaction is open while the server answers
