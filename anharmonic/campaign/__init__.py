"""Many runs at once: temperatures that do not wait for each other, series of supercells, replicas with other seeds."""

from anharmonic.campaign.independent import independent_sweep
from anharmonic.campaign.members import Member
from anharmonic.campaign.run import Campaign

__all__ = ["Campaign", "Member", "independent_sweep"]
