"""Labelled structures: readers, and data sets of one reference crystal."""

from anharmonic.data.batches import Batch
from anharmonic.data.dataset import Dataset
from anharmonic.data.frames import Frame, LabelledStructure
from anharmonic.data.readers import read_structures
from anharmonic.data.refusals import Refusal

__all__ = ["Batch", "Dataset", "Frame", "LabelledStructure", "Refusal", "read_structures"]
