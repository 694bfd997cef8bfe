"""Rate limits of web form submissions, per client network and per form, shared by all processes.

PostgreSQL counts while the counter store does not answer.
"""

from uuid import UUID

from app.config import get_settings
from app.security.client_network import client_network
from app.security.public_limits import count_public_call


def count_submission(form_id: UUID, address: str) -> None:
    """Count one submission, before its body is read. Raises TooManyRequests.

    The network is counted first. Its refused submissions do not count for the form, so one sender cannot block it.
    """
    settings = get_settings()
    per_network, per_form = settings.form_posts_per_minute, settings.form_posts_per_form
    count_public_call("form", client_network(address), most=per_network, noun="submissions")
    count_public_call("form-id", str(form_id), most=per_form, noun="submissions")
