"""Relance: every lead hears back, on time, exactly once, and anybody can see why."""

import gc
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

# Looking for garbage after every 700 objects took a sixth of each start, and of a call that makes thousands of them.
# After many more it would take as long as a call: after 50,000 it keeps others waiting for 40 ms.
gc.set_threshold(10_000, 5, 10)


def create_app() -> "Flask":
    """Make the API: a WSGI application, with the settings of this process's environment."""
    # Loaded when it is made, not with the package: a worker that needs `app.core.db` does not carry Flask along.
    api: Flask = import_module("app.api.application").create_app()
    return api
