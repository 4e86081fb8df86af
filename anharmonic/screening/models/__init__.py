"""Predictions of a property from a described library: neighbours, kernels, linear models, trees."""
