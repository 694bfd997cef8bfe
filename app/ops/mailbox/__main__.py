"""Entry point of `python -m app.ops.mailbox`, the Procfile's `mailbox`."""

from app.ops.mailbox.server import main

main()
