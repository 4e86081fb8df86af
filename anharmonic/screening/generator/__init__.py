"""A generator of compounds ABX3: crystals as images that can be turned back, and a network that makes new ones."""
