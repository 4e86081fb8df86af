"""Atomic Hirshfeld surfaces of crystals, and their fingerprints."""
