"""The model of all tests of batches."""

from tests.inference.batch.batches import model  # noqa: F401
