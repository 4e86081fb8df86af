"""What several workers are worth: one sweep of independent temperatures by 1, 2, ... processes of this machine.

python benchmarks/workers.py --workers 1 2

Every number of workers does the same sweep with `anharmonic sweep --independent`, each in a folder of its own; that the
summaries agree to a bit is checked. Throughput is that of the whole command: starting workers and compiling included.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory


def sweep(options, workers, folder):
    """Wall time (s) of a sweep."""
    code = "import sys; from anharmonic.cli.main import main; sys.exit(main(sys.argv[1:]))"
    cells = [str(options.cells)] * 3
    lengths = ["--equilibration", str(options.steps // 4), "--production", str(options.steps)]
    begin = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", code, "sweep", options.potential, "--supercell", *cells, "--temperatures",
         options.temperatures, *lengths, "--independent", "--workers", str(workers), "--out", folder, "--quiet"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.monotonic() - begin


def main(options):
    """The table."""
    print("| workers | wall time (s) | throughput | summary |\n| --- | --- | --- | --- |")
    first = None
    with TemporaryDirectory() as folder:
        for workers in options.workers:
            out = Path(folder) / str(workers)
            seconds = sweep(options, workers, out)
            found = (out / "summary.json").read_bytes()
            first = first or (seconds, found)
            same = "the same" if found == first[1] else "ANOTHER"
            print(f"| {workers} | {seconds:.0f} | {first[0] / seconds:.2f} | {same} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--potential", default="CsPbBr3")
    parser.add_argument("--cells", type=int, default=6)
    parser.add_argument("--temperatures", default="150:425:25")
    parser.add_argument("--steps", type=int, default=16000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    main(parser.parse_args())
