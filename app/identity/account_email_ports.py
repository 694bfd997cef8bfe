"""Account e-mails: invitation and password reset. `app.messaging` implements these ports."""

from sqlalchemy.orm import Session

from app.core.ports import Port
from app.identity.models import User

# (session, user, clinic's name, inviter's name)
send_invitation: Port[[Session, User, str, str], None] = Port("send_invitation")
send_password_reset: Port[[Session, User], None] = Port("send_password_reset")
