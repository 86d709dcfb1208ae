"""Segment millions of images: a manifest of paths to shards, each one archive."""
