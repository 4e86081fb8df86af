"""How far apart two descriptions are, and the nearest of many."""
