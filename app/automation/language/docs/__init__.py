"""The reference pages about rules, sequences and playbooks, written from the models."""
