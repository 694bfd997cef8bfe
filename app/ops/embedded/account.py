"""PostgreSQL refuses to run as root: as root it runs under a system user of its own."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from app.ops.embedded.errors import CannotStart

SYSTEM_USER = "pgserver"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a server runs as."""

    uid: int
    gid: int

    def as_popen_arguments(self) -> dict[str, Any]:
        """Root's groups are left behind too, not only its number."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account_for_postgres() -> Account | None:
    """None for an ordinary user, who runs it under the own name. Makes the system user when it is missing."""
    if os.geteuid() != 0:
        return None
    if not _exists():
        _make()
    entry = pwd.getpwnam(SYSTEM_USER)
    return Account(entry.pw_uid, entry.pw_gid)


def _exists() -> bool:
    return any(entry.pw_name == SYSTEM_USER for entry in pwd.getpwall())


def _make() -> None:
    useradd = shutil.which("useradd")
    if useradd is None:
        raise CannotStart(
            f"PostgreSQL does not run as root, and there is no useradd to make the user {SYSTEM_USER}: "
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
    # Two starts at once may both try; it only matters that the user is there.
    if not _exists():
        raise CannotStart(f"could not make the user {SYSTEM_USER}: {made.stderr.strip()}")
