"""What operators see: a look at every part at once, as a table (`aiic status`) and for Prometheus (`aiic metrics`)."""
