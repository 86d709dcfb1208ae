"""Segment rasters of any size: in windows with a halo, with a journal to resume from."""
