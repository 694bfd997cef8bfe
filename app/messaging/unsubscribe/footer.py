"""Footer of commercial e-mails: the clinic, its postal address, and the link to the preference page."""

from collections.abc import Iterable
from uuid import UUID

from app.messaging.unsubscribe.links import preferences_url
from app.messaging.unsubscribe.page_texts import texts_for


def add_footer(
    body: str, lead_id: UUID, *, sender: str, postal_address: str | None, languages: Iterable[str | None]
) -> str:
    """Return the text to send. The footer is added only now, so that it is never stored with the message.

    `languages`: tags of the lead's languages, best first.
    """
    lines = [sender, *(postal_address or "").splitlines(), "", texts_for(*languages).footer, preferences_url(lead_id)]
    return f"{body.rstrip()}\n\n-- \n" + "\n".join(lines) + "\n"
