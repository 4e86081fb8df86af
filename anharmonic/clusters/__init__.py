"""Clusters of sites, their collective deformations, and invariant polynomials."""

from anharmonic.clusters.basis import ClusterBasis

__all__ = ["ClusterBasis"]
