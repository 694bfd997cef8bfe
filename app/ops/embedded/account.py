"""System user for PostgreSQL, which refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import TypedDict

from app.ops.embedded.errors import CannotStart

SYSTEM_USER = "pgserver"
ADMINISTRATION = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # folders that PATH of root may lack


class ProcessAccount(TypedDict, total=False):
    """Arguments of `Popen` for the account of a process. Empty: the account of its parent."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """User and group of a server process."""

    uid: int
    gid: int

    def as_popen_arguments(self) -> ProcessAccount:
        """Return the arguments for `Popen`. Supplementary groups of root are dropped too."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account_for_postgres() -> Account | None:
    """Return the system user if this process runs as root; else None. Creates the user if it is missing.

    Raises CannotStart (when the user cannot be created, or this process runs as a user without an account).
    """
    if os.geteuid() != 0:
        _require_account(os.geteuid())
        return None
    if not _exists():
        _create_user()
    entry = pwd.getpwnam(SYSTEM_USER)
    return Account(entry.pw_uid, entry.pw_gid)


def _require_account(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise CannotStart(
            f"PostgreSQL does not run as the user id {uid}, which has no account on this machine: "
            "run Relance as another user, or set DATABASE_URL"
        ) from None


def _exists() -> bool:
    return any(entry.pw_name == SYSTEM_USER for entry in pwd.getpwall())


def _create_user() -> None:
    useradd = shutil.which("useradd", path=os.pathsep.join((os.environ.get("PATH", os.defpath), *ADMINISTRATION)))
    if useradd is None:
        raise CannotStart(
            f"PostgreSQL does not run as root, and useradd is missing to create the user {SYSTEM_USER}: "
            "run Relance as an ordinary user, or set DATABASE_URL"
        )
    made = subprocess.run(
        [
            useradd,
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            SYSTEM_USER,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    # A concurrent start may create the user too, so only its existence counts.
    if not _exists():
        raise CannotStart(f"could not create the user {SYSTEM_USER}: {made.stderr.strip()}")
