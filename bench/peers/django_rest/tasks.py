"""Celery on Valkey, with the settings of `bench.peers.raw_celery` that concern senders."""

from celery import Celery

from bench.peers.effect import BROKER_URL

app = Celery("django_rest", broker=BROKER_URL)
app.conf.task_ignore_result = True


@app.task
def remind(lead_id: str) -> None:
    """Remind the coordinator. The capture benchmark runs no worker."""


@app.task
def escalate(lead_id: str) -> None:
    """Notify an admin. The capture benchmark runs no worker."""
