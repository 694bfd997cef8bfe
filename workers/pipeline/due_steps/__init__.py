"""Due steps: which clinics have some, whose turn it is, and where scans begin."""
