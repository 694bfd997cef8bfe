"""Sending accounts of clinics: the servers and providers that send a clinic's messages, with limits for each."""
