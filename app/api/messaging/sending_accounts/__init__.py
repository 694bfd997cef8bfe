"""Sending accounts of clinics: mail servers and providers that send a clinic's messages."""
