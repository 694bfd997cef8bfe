"""Fills the registries of a test process, as every process of the application does when it starts."""

from app.wiring import connect

connect()
