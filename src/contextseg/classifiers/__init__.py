"""Networks from an image to one class."""

from __future__ import annotations

from contextseg.classifiers.build import build_classifier
from contextseg.classifiers.model import Classifier

__all__ = ["Classifier", "build_classifier"]
