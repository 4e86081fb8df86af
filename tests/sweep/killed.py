"""A process that sweeps until it is killed: ``python killed.py POTENTIAL FILE OPTIONS_JSON``."""

import json
import sys
import time

import anharmonic as ah
from anharmonic.sampling import run

run.CHECKPOINT_SECONDS = 0.02


def tell(progress, plan):
    """Let the parent know where the sweep stands."""
    print(len(progress.samples["energy"]), flush=True)
    time.sleep(0.005)


if __name__ == "__main__":
    potential, file, options = sys.argv[1:]
    ah.sweep(potential, file=file, on_chunk=tell, **json.loads(options))
    print("finished", flush=True)
