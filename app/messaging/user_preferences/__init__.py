"""Which notices a user gets on which channels: preferences, and destinations in Slack, Teams and browsers."""
