"""Reports about the work with leads: follow-ups by people, messages of rules and sequences."""
