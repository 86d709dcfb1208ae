"""Data sets in a few tar archives instead of many files, on a disk or behind a URL.

`contextseg.data.packed.pack` writes them, `contextseg.data.packed.dataset` reads them.
"""
