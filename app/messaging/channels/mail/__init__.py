"""E-mail: making a mail, and handing it to a mail server."""
