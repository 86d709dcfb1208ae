"""How objects show themselves: HTML for notebooks, and short lines of text.

Every room imports from here, so this one knows none of their objects: `html` has the elements,
`pictures` makes images part of a text, `numbers` writes numbers for people.
"""
