"""API of links between tasks and the timeline."""
