"""``anharmonic free-energy``: phases, integrate, temperatures, landau, surface."""
