"""Reference pages of rules, sequences and playbooks, generated from the models."""
