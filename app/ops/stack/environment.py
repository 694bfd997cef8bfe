"""What a process finds in its environment: the operator's own settings, completed for a demo."""

import json
import os
import secrets
from pathlib import Path

from app.ops.embedded import Postgres, Valkey
from app.ops.embedded.postgres import WEB_LOGIN

GENERATED = ("secret_key", "broker_password", "flower_password", "flower_cookie_secret")
LENGTH = {"flower_password": 12}  # bytes; people type this one
FLOWER_USER = "relance"
SHARED = (
    "RELANCE_ENV", "SECRET_KEY", "ENCRYPTION_KEYS", "MARKS_KEY", "DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_URL",
    "SMTP_URL", "PORT", "MAILBOX_PORT", "MAILBOX_SMTP_PORT", "FLOWER_PORT", "FLOWER_BASIC_AUTH", "FLOWER_COOKIE_SECRET",
)  # fmt: skip


def home() -> Path:
    """The data folder, absolute."""
    return Path(os.environ.get("RELANCE_HOME", ".relance")).absolute()


def is_demo() -> bool:
    """Whether secrets may be generated and a clinic seeded."""
    return os.environ.get("RELANCE_ENV", "production") != "production"


def adopt() -> None:
    """Let `relance doctor`, typed beside a running demo, find its servers. Whatever is set already wins."""
    file = home() / "environment.json"
    said_otherwise = os.environ.get("RELANCE_ENV") == "production" or "DATABASE_URL" in os.environ
    if not said_otherwise and file.exists():
        for name, value in json.loads(file.read_text()).items():
            os.environ.setdefault(name, value)


def share() -> None:
    """Leave for `adopt` what this start decided."""
    decided = {name: os.environ[name] for name in SHARED if name in os.environ}
    write_private(home() / "environment.json", decided)


def generate_secrets() -> dict[str, str]:
    """Made once and kept in secrets.json, for its owner only. Never called in production."""
    file = home() / "secrets.json"
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    if missing := [name for name in GENERATED if name not in kept]:
        kept |= {name: secrets.token_urlsafe(LENGTH.get(name, 32)) for name in missing}
        write_private(file, kept)
    os.environ.setdefault("SECRET_KEY", kept["secret_key"])
    os.environ.setdefault("FLOWER_BASIC_AUTH", f"{FLOWER_USER}:{kept['flower_password']}")
    os.environ.setdefault("FLOWER_COOKIE_SECRET", kept["flower_cookie_secret"])
    return kept


def use_postgres(server: Postgres) -> None:
    """The application's login and the owner's."""
    os.environ["DATABASE_URL"] = server.url(user=WEB_LOGIN)
    os.environ["OWNER_DATABASE_URL"] = server.url()


def use_valkey(server: Valkey) -> None:
    """The broker, password included."""
    os.environ["BROKER_URL"] = server.url


def write_private(file: Path, content: object) -> None:
    """As JSON, in one step, for its owner only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".tmp")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(file)
