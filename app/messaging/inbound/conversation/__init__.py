"""Conversations with leads: the list of them, and the messages of one."""
