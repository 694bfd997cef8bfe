"""Routes of opens and clicks: the clinic's settings, and the public addresses in e-mails."""
