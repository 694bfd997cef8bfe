"""Account e-mails: the invitation of a new user, and the link for a new password. `app.messaging` sends them."""

from sqlalchemy.orm import Session

from app.core.ports import Port
from app.identity.models import User

# (session, user, clinic's name, inviter's name)
send_invitation: Port[[Session, User, str, str], None] = Port("send_invitation")
send_password_reset: Port[[Session, User], None] = Port("send_password_reset")
# Do the same work for an unknown address, so that the response time tells a stranger nothing.
write_decoy: Port[[Session], None] = Port("write_decoy")
