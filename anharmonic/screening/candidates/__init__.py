"""Screens of candidate compounds ABX3: what is wrong with them, what they are like, and which are worth more work."""
