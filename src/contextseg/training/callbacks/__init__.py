"""What happens beside the steps of a training: checkpoints, averages, logs."""
