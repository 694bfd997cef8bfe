"""Flower configuration: read-only, password-protected, on the loopback address, with its state kept on disk.

Set by environment variables: FLOWER_PORT, FLOWER_BASIC_AUTH, FLOWER_COOKIE_SECRET.
"""

import os
from logging import ERROR, getLogger  # not the module: it would be read as the option of this name
from pathlib import Path

for needed in ("FLOWER_BASIC_AUTH", "FLOWER_COOKIE_SECRET"):
    if not os.environ.get(needed):
        raise SystemExit(f"Flower does not start without {needed}")

# It asks all workers when it starts, also those that do not answer yet, and asks again when they do.
getLogger("flower.inspector").setLevel(ERROR)

state = Path(os.environ.get("RELANCE_HOME", ".relance")).absolute() / "flower"
state.mkdir(parents=True, exist_ok=True, mode=0o700)

address = os.environ.get("FLOWER_ADDRESS", "127.0.0.1")
read_only = os.environ.get("FLOWER_READ_ONLY", "true").lower() not in {"false", "0", "no"}
persistent = True
db = str(state / "flower")
state_save_interval = 60_000  # milliseconds
max_tasks = 20_000
purge_offline_workers = 3600
natural_time = True
