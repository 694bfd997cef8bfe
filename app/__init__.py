"""Relance: every lead hears back, on time, exactly once, and anybody can see why."""

import gc
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

# What a process imports stays for good: to look for garbage in it after every 700 objects was a fifth of each start.
gc.set_threshold(50_000, 20, 100)


def create_app() -> "Flask":
    """Make the API: a WSGI application, with the settings of this process's environment."""
    # Loaded when it is made, not with the package: a worker that needs `app.db` does not carry Flask along.
    api: Flask = import_module("app.api").create_app()
    return api
