"""The library's surroundings: files, hardware, and what a clone ships with."""
