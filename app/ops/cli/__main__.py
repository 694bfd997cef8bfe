"""`python -m app.ops.cli`, for where the `relance` script is not installed."""

from app.ops.cli import main

main()
