"""Sign-in to Microsoft 365 mail servers with OAuth: client credentials of an application, one for each mailbox.

The application gets an access token from MICROSOFT_LOGIN_URL, and IMAP and SMTP take it by XOAUTH2. Tokens are kept in
memory until shortly before they expire.
"""

import re
import threading
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

import orjson

from app.config import get_settings
from app.core.http_client import client
from app.core.http_client.client import NoResponse, NotSent, Response
from app.core.http_client.targets import NotAllowed

SCOPE: Final = "https://outlook.office365.com/.default"
TENANT: Final = r"^[A-Za-z0-9][A-Za-z0-9.-]{0,99}$"  # an id, or a domain
CLIENT_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9-]{0,99}$"
_MARGIN: Final = 300.0  # seconds before the end of a token, from which on a new one is used
_SHORTEST_LIFE: Final = 60.0  # seconds; a token that ends earlier is used only once
_MOST_TOKENS: Final = 1000
_OK: Final = 200
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,8000}")
_CODE: Final = re.compile(r"[A-Za-z0-9_]{1,60}")


class NoToken(OSError):
    """No access token could be had. The text names the error code of Microsoft, and no secret."""


class ApplicationRefused(NoToken):
    """Microsoft refused the application: its id or secret is wrong or has expired, or the tenant does not know it."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application that is registered in Microsoft Entra."""

    tenant: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    good_until: float  # monotonic clock


_tokens: Final[dict[tuple[str, Application], _Token]] = {}
_lock: Final = threading.Lock()


def access_token(application: Application) -> str:
    """Return a token of the application; a new one if the last one ends soon. Raises NoToken, ApplicationRefused."""
    key = get_settings().microsoft_login_url.rstrip("/"), application
    with _lock:
        known = _tokens.get(key)
    if known is None or known.good_until <= time.monotonic():
        known = _request(*key)
        with _lock:
            if len(_tokens) >= _MOST_TOKENS:
                _tokens.clear()
            _tokens[key] = known
    return known.text


def forget_token(application: Application) -> None:
    """Get a new token for the next sign-in, because a server refused this one."""
    with _lock:
        for key in [key for key in _tokens if key[1] == application]:
            del _tokens[key]


def xoauth2(username: str, token: str) -> str:
    """Return the initial response of the SASL mechanism XOAUTH2."""
    return f"user={username}\x01auth=Bearer {token}\x01\x01"


def _request(login_url: str, application: Application) -> _Token:
    url = f"{login_url}/{quote(application.tenant, safe='')}/oauth2/v2.0/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": application.client_id,
        "client_secret": application.client_secret,
        "scope": SCOPE,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    began = time.monotonic()
    try:
        answer = client.post(url, urlencode(form).encode(), headers)
    except (NotAllowed, NotSent, NoResponse) as error:
        raise NoToken(f"the sign-in server of Microsoft does not answer: {type(error).__name__}") from None
    return _read(answer, began)


def _read(answer: Response, began: float) -> _Token:
    try:
        given = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        given = None
    given = given if isinstance(given, dict) else {}
    token, lasts = given.get("access_token"), given.get("expires_in")
    if answer.status == _OK and isinstance(token, str) and _TOKEN.fullmatch(token):
        life = float(lasts) if isinstance(lasts, int) and not isinstance(lasts, bool) else 0.0
        return _Token(token, began + (life - _MARGIN if life - _MARGIN > _SHORTEST_LIFE else life / 2))
    words = f"the sign-in server of Microsoft answers {answer.status}{_reason(given)}"
    raise (ApplicationRefused if answer.status in (400, 401, 403) else NoToken)(words)


def _reason(given: dict[str, object]) -> str:
    """Return the codes of a refusal, such as `invalid_client AADSTS7000215`. The words may repeat what was sent."""
    codes = [str(given.get("error", "")), str(given.get("error_description", "")).partition(":")[0]]
    found = [code for code in codes if _CODE.fullmatch(code)]
    return f": {' '.join(found)}" if found else ""
