"""Live updates: the route that opens a stream."""
