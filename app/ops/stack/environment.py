"""Environment of the processes: the operator's settings, completed with generated ones for a demo."""

import json
import os
import secrets
import tempfile
from pathlib import Path

from app.ops.embedded import CannotStart, Postgres, Valkey, WrongSetting
from app.ops.embedded.postgres import WEB_LOGIN

GENERATED = ("secret_key", "broker_password", "flower_password", "flower_cookie_secret")
LENGTH = {"flower_password": 12}  # bytes; users type this one
FLOWER_USER = "relance"
SHARED_VARIABLES = (
    "RELANCE_ENV", "SECRET_KEY", "ENCRYPTION_KEYS", "BLIND_INDEX_KEY", "OTHER_BLIND_INDEX_KEYS", "MARKS_KEY",
    "DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_URL", "SMTP_URL", "PORT", "MAILBOX_PORT", "MAILBOX_SMTP_PORT",
    "MAILBOX_IMAP_PORT", "ECHO_PORT",
    "OUTGOING_ALLOW", "FLOWER_PORT", "FLOWER_BASIC_AUTH", "FLOWER_COOKIE_SECRET",
)  # fmt: skip


def home() -> Path:
    """Return the absolute path of the data folder."""
    return Path(os.environ.get("RELANCE_HOME", ".relance")).absolute()


def require_writable_home() -> None:
    """Create the data folder and check that this user can write there.

    Raises:
        WrongSetting: with the reason.
    """
    try:
        home().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home()) as probe:
            probe.write(b"x")
            probe.flush()
    except OSError as error:
        raise WrongSetting(
            f"RELANCE_HOME: {home()} cannot be used ({error.strerror}): "
            "set it to a folder with free space that this user can write"
        ) from None


def is_demo() -> bool:
    """Return whether secrets may be generated and a demo clinic created."""
    return os.environ.get("RELANCE_ENV", "production") != "production"


def load_shared_settings() -> None:
    """Load the settings of a running demo, so that commands such as `relance doctor` find its servers.

    Variables that are already set are not changed.
    """
    file = home() / "environment.json"
    has_own_settings = os.environ.get("RELANCE_ENV") == "production" or "DATABASE_URL" in os.environ
    if not has_own_settings and file.exists():
        for name, value in read_private(file).items():
            os.environ.setdefault(name, value)


def save_shared_settings() -> None:
    """Save this demo's settings for `load_shared_settings`."""
    decided = {name: os.environ[name] for name in SHARED_VARIABLES if name in os.environ}
    write_private(home() / "environment.json", decided)


def generate_secrets() -> dict[str, str]:
    """Return the secrets in secrets.json, created once with owner-only permissions. Never called in production."""
    file = home() / "secrets.json"
    stored = read_private(file) if file.exists() else {}
    if missing := [name for name in GENERATED if name not in stored]:
        stored |= {name: secrets.token_urlsafe(LENGTH.get(name, 32)) for name in missing}
        write_private(file, stored)
    os.environ.setdefault("SECRET_KEY", stored["secret_key"])
    os.environ.setdefault("FLOWER_BASIC_AUTH", f"{FLOWER_USER}:{stored['flower_password']}")
    os.environ.setdefault("FLOWER_COOKIE_SECRET", stored["flower_cookie_secret"])
    return stored


def use_postgres(server: Postgres) -> None:
    """Set the URLs of the application's login and of the owner."""
    os.environ["DATABASE_URL"] = server.url(user=WEB_LOGIN)
    os.environ["OWNER_DATABASE_URL"] = server.url()


def use_valkey(server: Valkey) -> None:
    """Set the broker's URL."""
    os.environ["BROKER_URL"] = server.url


def read_private(file: Path) -> dict[str, str]:
    """Return the JSON object in a file that `write_private` wrote. Raises CannotStart (when it is damaged)."""
    try:
        stored: dict[str, str] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise CannotStart(f"{file} cannot be read ({error}): restore it, or delete it to start without it") from None
    return stored


def write_private(file: Path, content: object) -> None:
    """Write JSON atomically, with owner-only permissions."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".tmp")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(file)
