"""Networks: backbone, context module and heads, from images to logits."""
