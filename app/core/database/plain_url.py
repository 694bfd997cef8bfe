"""URL of the database for programs that use libpq without SQLAlchemy."""

from sqlalchemy import make_url


def plain_url(url: str) -> str:
    """Return SQLAlchemy's URL as libpq reads it. libpq does not read + as a space."""
    address, mark, query = (
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False).partition("?")
    )
    return address + mark + query.replace("+", "%20")
