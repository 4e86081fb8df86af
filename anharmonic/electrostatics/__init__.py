"""Dipole-dipole interaction of displaced ions, by their Born charges: what no cluster of finite size holds."""

from anharmonic.electrostatics.born import BornCharges
from anharmonic.electrostatics.interaction import DipoleInteraction, DipoleInteractions
from anharmonic.electrostatics.symmetry import charge_modes

__all__ = ["BornCharges", "DipoleInteraction", "DipoleInteractions", "charge_modes"]
