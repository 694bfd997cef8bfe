"""Calls to other systems: made without a transaction, and for messages one by one after a common look-up."""
