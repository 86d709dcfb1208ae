"""Two pages on this machine: what a network sees, and labelling with its help."""
