"""Semantic segmentation that understands the scene: EncNet and CPNet in modern PyTorch."""
