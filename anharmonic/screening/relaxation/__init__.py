"""Candidates relaxed by ASE calculators: structures, energies of formation, inputs of other codes."""
