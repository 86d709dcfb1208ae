"""Training runs on Lightning."""
