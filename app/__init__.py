"""Relance: a lead follow-up backend. Each lead gets every follow-up on time and exactly once."""

import gc
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

# The default threshold (700) spends a sixth of each start, and of each call with thousands of objects, on collection.
# A far larger one makes a single collection too long: at 50,000 objects it takes 40 ms.
gc.set_threshold(10_000, 5, 10)


def create_app() -> "Flask":
    """Return the WSGI application of the API, configured from the environment."""
    # Imported here, so that a worker that imports `app.core.db` does not load Flask.
    api: Flask = import_module("app.api.application").create_app()
    return api
