"""Numbers at the ends of what formats hold, through ops, losses and metrics."""
