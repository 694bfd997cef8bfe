"""Webhooks of mail providers: one module per provider, which checks a call and reads the mails and events in it."""
