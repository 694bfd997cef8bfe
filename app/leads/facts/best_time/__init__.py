"""Best time to contact a lead: the hours at which it, its source or the clinic's leads were reached."""
