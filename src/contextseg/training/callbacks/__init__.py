"""What happens alongside the training steps: checkpoints, weight averaging, logs."""
