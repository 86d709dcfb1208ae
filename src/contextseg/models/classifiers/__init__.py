"""Networks that classify whole images."""

from __future__ import annotations

from contextseg.models.classifiers.build import build_classifier
from contextseg.models.classifiers.model import Classifier

__all__ = ["Classifier", "build_classifier"]
