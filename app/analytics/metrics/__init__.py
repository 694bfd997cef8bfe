"""Definitions of the metrics, and the leads that they count."""
