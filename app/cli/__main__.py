"""`python -m app.cli`, for where the `relance` script is not installed."""

from app.cli import main

main()
