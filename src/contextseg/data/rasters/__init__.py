"""Rasters of any size, such as satellite scenes: read in windows, georeferenced or not."""
