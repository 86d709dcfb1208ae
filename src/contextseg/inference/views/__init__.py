"""An image viewed at several scales, mirrored and in windows: plan, run, average."""
