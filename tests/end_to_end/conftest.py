"""Fixtures of these tests alone. Other tests do not import OpenTelemetry."""

from tests.support.collector import collector

__all__ = ["collector"]
