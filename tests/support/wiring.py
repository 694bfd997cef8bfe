"""Fill the registries of a test process, as each process of the application does at its start."""

from app.wiring import connect

connect()
