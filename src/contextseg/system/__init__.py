"""The machine around the library: files, hardware, what a clone ships."""
