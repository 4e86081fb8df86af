"""Labelled structures: readers, and data sets of one reference crystal."""

from anharmonic.data.batches import Batch
from anharmonic.data.dataset import Dataset
from anharmonic.data.frames import Frame, LabelledStructure, Refusal
from anharmonic.data.readers import read_structures

__all__ = ["Batch", "Dataset", "Frame", "LabelledStructure", "Refusal", "read_structures"]
