"""From photographs to class masks."""
