"""Declarations of personal data: for each column of each table, its erasure, its merge and its export."""
