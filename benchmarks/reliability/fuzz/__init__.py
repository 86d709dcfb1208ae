"""A fuzzer of our own: seeded, in process, fast enough for a million cases in minutes."""
