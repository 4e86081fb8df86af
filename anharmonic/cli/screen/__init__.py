"""``anharmonic screen``: what structures alone say of a compound."""
