"""The one label that counts nowhere."""

IGNORED = 255
"""Label of pixels without a class: no loss, no metric and no class presence counts them."""
