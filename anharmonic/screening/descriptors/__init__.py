"""What a crystal looks like, as arrays: GRID, reflections, powder patterns."""
