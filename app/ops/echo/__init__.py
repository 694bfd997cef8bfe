"""Echo gateway for development: it receives messages and webhooks, shows them, and reports messages as delivered."""
