"""How fast one call becomes a follow-up for every lead of a list."""

import json
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from bench.bulk_rows import BARE
from bench.figures import Row
from bench.memory import PeakOf
from bench.parts import check, running
from bench.processes import Processes
from bench.product import begin, environment
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.volume import Worker, add_leads, loading
from bench.web import HOST
from bench.waiting import wait_until

TITLE = "Bulk: one call, thousands of follow-ups"
WHAT = """..."""
