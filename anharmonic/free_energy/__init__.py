"""Free energies: thermodynamic integration from exact references, along temperature, and along order parameters."""
