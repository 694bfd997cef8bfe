"""Data that the messages of a batch need: contacts, destinations of users, gateways, sending accounts."""
