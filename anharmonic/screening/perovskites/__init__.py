"""Perovskites: who sits on A, B and X, their sizes, and which of them form."""
