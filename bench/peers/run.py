"""`python -m bench.peers.run MODULE install|enqueue`: run a peer's set-up or enqueuing in its own process.

Jobs come on standard input as JSON pairs `[lead_id, due_at]`. A process of its own lets a peer have an interpreter
of its own, and keeps its connections out of the next one's run.
"""

import importlib
import json
import sys
from datetime import datetime


def main(module_name: str, command: str) -> None:
    module = importlib.import_module(module_name)
    if command == "install":
        module.install()
        return
    module.enqueue([(lead_id, datetime.fromisoformat(due_at)) for lead_id, due_at in json.load(sys.stdin)])


if __name__ == "__main__":
    main(*sys.argv[1:])
