"""Makes peers.npz: what gridrdf and POT give for crystals and histograms of ours. Run it where they are installed.

pip install -e '.[screening]' -r benchmarks/screening/requirements.txt && python tests/screening/make_peers.py
"""

from importlib.metadata import version
from pathlib import Path

import gridrdf
import numpy as np
import ot
from crystals import histograms, random_crystal
from pymatgen.io.ase import AseAtomsAdaptor

CRYSTALS = range(50)

if __name__ == "__main__":
    grids = []
    for seed in CRYSTALS:
        structure = AseAtomsAdaptor.get_structure(random_crystal(seed))
        found = gridrdf.extendRDF.get_pairwise_distances(structure, num_neighbours=30)
        options = {"max_dist": 12.0, "bin_width": 0.1, "smearing": 0, "normed": True}
        grids.append(gridrdf.extendRDF.calculate_rdf(structure, found, **options)[:, :120])
    one, other = histograms()
    places = np.tile(0.1 * np.arange(one.shape[-1])[:, None], (1, len(one)))
    np.savez_compressed(
        Path(__file__).with_name("peers.npz"),
        gridrdf=np.array(grids, np.float32), pot=ot.wasserstein_1d(places, places, one.T, other.T, p=1),
        versions=[f"{name} {version(name)}" for name in ("gridrdf", "POT")],
    )  # fmt: skip
