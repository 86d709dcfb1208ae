"""What contextseg survives, measured: `python -m benchmarks.reliability`."""
