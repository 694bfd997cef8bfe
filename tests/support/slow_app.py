"""A WSGI application that takes two seconds to load, and then makes the file LOADED_FILE."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def create_app() -> Callable[..., Iterable[bytes]]:
    """Load slowly."""
    time.sleep(2)
    Path(os.environ["LOADED_FILE"]).touch()
    return answer


def answer(_: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer every call with an empty 200."""
    start_response("200 OK", [])
    return [b""]
