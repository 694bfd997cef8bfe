"""A year of a believable clinic, with planted truths that reports must find. Deterministic by seed number."""
