"""`python -m app.mailbox`: the Procfile's `mailbox`."""

from app.mailbox.server import main

main()
