"""The e-mail with a report to a user, loaded for the step that sends it."""

from datetime import datetime
from typing import NamedTuple

from app.messaging.rendering.attachment import Attachment
from app.messaging.rendering.render import Wording


class ReportMail(NamedTuple):
    """An e-mail with a report: its text, the same as HTML, and a file. `due_at`: when the user wants it."""

    due_at: datetime
    wording: Wording
    html: str
    attachment: Attachment | None = None
