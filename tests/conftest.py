"""Real servers for every test process; see `tests/support/`."""

from hypothesis import HealthCheck, settings

from tests.support import environment

environment.prepare()  # first: the fixtures below import the application, which reads its settings

# Machines are shared: how long something took tells nothing of what is tested.
# The same examples in each run, on every machine: a failure is never the chance of a run.
settings.register_profile("shared", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("shared"))  # `make fuzz`: more random API calls
settings.load_profile("shared")

pytest_plugins = [
    "tests.support.wiring",
    "tests.support.order",
    "tests.support.processes",
    "tests.support.pooler",
    "tests.support.servers",
    "tests.support.desk",
    "tests.support.practice",
    "tests.support.chaos",
    "tests.support.keys",
    "tests.support.large_clinic",
    "tests.support.storage",
]
