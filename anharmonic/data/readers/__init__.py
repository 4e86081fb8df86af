"""Readers of labelled structures, one file a format, and what reads whole folders with them."""

from anharmonic.data.readers.reading import read_structures

__all__ = ["read_structures"]
