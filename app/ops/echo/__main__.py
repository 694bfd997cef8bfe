"""Entry point of `python -m app.ops.echo`, the Procfile's `echo`."""

from app.ops.echo.server import main

main()
