"""Formation energies of compounds ABX3 from their elements and their Hirshfeld surfaces."""
