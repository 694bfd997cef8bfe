"""The client of the current request, for the list of one's own sign-ins."""

from typing import Final

from flask import request

from app.identity.sign_in.sessions import Client

LONGEST_PROGRAM: Final = 300


def calling_client() -> Client:
    """Return the IP address and the User-Agent of the request."""
    return Client(request.remote_addr, (request.headers.get("User-Agent") or "")[:LONGEST_PROGRAM] or None)
