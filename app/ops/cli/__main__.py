"""Entry point of `python -m app.ops.cli`, for installations without the `relance` script."""

from app.ops.cli import main

main()
