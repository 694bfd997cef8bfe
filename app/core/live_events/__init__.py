"""Live events: what changed in a clinic, as kinds and ids, for clients that keep a stream open (`GET /api/stream`)."""
