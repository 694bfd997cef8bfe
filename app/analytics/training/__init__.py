"""Training of learned scores from closed leads, in a worker."""
