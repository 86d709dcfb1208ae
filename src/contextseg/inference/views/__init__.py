"""One image seen at several scales, mirrored and in windows."""
