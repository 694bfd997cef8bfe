"""Analytics of leads: read only. `definitions` has every metric; each figure names the list of its leads."""
