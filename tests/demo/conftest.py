"""The data of the tests of training."""

from tests.training.conftest import data

__all__ = ["data"]
