"""Links of the audit log's hash chain that a backup or a log file has."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from zipfile import is_zipfile

from app.audit.hash_chain import CHAIN_EXTENDED, ChainHead
from app.ops.backup.errors import CannotRestore
from app.ops.backup.restore import open_backup


def known_heads(file: Path) -> list[ChainHead]:
    """Return the links in a backup, or in the log lines of the sweeps. Raises CannotRestore (when there are none)."""
    if is_zipfile(file):
        with open_backup(file) as (_, manifest):
            found, why = manifest.audit, "the backup is from before the first one"
    else:
        found, why = list(_logged(file)), "it is neither a backup nor a log of the sweeps"
    if not found:
        raise CannotRestore(f"{file} has no links of the audit log: {why}")
    return found


def _logged(file: Path) -> Iterator[ChainHead]:
    """Yield the links of log lines in JSON. A service manager may have put words before the JSON.

    Other lines may have the name of the event too, such as one about a call, and the last line may be cut off.
    """
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if CHAIN_EXTENDED not in line:
                continue
            with suppress(ValueError):
                logged = json.loads(line[line.index("{") :])
                if logged.get("event") == CHAIN_EXTENDED:
                    yield ChainHead(**{name: logged[name] for name in ChainHead._fields})
