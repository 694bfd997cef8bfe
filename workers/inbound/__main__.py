"""Entry point of `python -m workers.inbound`, the Procfile's `inbound`."""

from workers.inbound.process import main

main()
