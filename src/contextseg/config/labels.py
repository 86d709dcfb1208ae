"""The label of ignored pixels."""

IGNORED = 255
"""Label of pixels without a class: losses, metrics and class presence ignore them."""
