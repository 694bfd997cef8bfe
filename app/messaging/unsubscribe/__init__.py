"""Unsubscribe links and the preference page of a lead."""
