"""Real servers for every test process; see `tests/support/`."""

from tests.support import environment

environment.prepare()  # first: the fixtures below import the application, which reads its settings

pytest_plugins = [
    "tests.support.servers",
    "tests.support.processes",
    "tests.support.desk",
    "tests.support.practice",
    "tests.support.chaos",
]
