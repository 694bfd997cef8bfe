"""Adapters of Relance for the benchmarks: the `bench/relance_*.py` modules."""

import importlib
import pkgutil
from typing import Any

import bench
from bench.servers import Servers


def offered(what: str, servers: Servers) -> list[Any]:
    """Call the function named `what` of every `bench/relance_*.py` that has one, and join the lists they return.

    The names asked for: `contestants` (bench.contestants.Contestant, for drain and lateness) and
    `web_applications` (bench.web.WebApplication, for capture).
    """
    names = sorted(found.name for found in pkgutil.iter_modules(bench.__path__) if found.name.startswith("relance_"))
    modules = [importlib.import_module(f"bench.{name}") for name in names]
    return [one for module in modules if hasattr(module, what) for one in getattr(module, what)(servers)]
