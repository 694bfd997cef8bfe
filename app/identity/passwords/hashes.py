"""Password hashes of accounts that share an e-mail address."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.identity.models import User
from app.identity.password_policy import hash_password


def hash_for(session: Session, email: str, password: str) -> str:
    """Return the hash of a new password. All hashes of an address share one salt.

    A sign-in then compares the password with all of them in one computation: its time does not tell in how many clinics
    the address has accounts.
    """
    others = select(User.password_hash).where(func.lower(User.email) == email.lower(), User.password_hash.is_not(None))
    return hash_password(password, salt_of=session.scalar(others.order_by(User.id).limit(1)))
