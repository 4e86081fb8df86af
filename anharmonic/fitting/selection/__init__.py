"""Choosing clusters, orders, nets and architectures by cross-validation: many small trainings at once."""
