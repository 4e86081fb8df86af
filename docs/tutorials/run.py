"""Run the code of a tutorial, and write what it printed and drew back into the page.

    python docs/tutorials/run.py first-sweep --folder work    # at full length, in the folder `work`
    python docs/tutorials/run.py first-sweep --folder work --only-write    # from the record of a run

Of a page, in order:

- a fenced block with a title is a file: it is written under that name;
- a fenced `bash` or `python` block is run, each in a process of its own;
- a `text` block after it is what it printed;
- `<!-- from sweep/order.png -->` after a figure is where it comes from.

Indented blocks are for reading. The tests run the same blocks (`tests/test_tutorials.py`).
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

PAGES = Path(__file__).parent
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
OUTPUT = re.compile(r"\s*^```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FIGURE = re.compile(r"!\[[^]]*\]\(([^)]+\.png)\)\s*<!-- from (\S+) -->")
COMMANDS = {"bash": ["bash", "-e", "-o", "pipefail", "-c"], "python": [sys.executable, "-c"]}


def blocks(page):
    """(language, title or None, code, end in the text) of the fenced blocks of a page's text; outputs are left out."""
    found = [(m[1], m[2], m[3], m.end()) for m in BLOCK.finditer(page)]
    return [block for block in found if block[0] != "text"]


def shortened(page, changes):
    """The page's text with every key of `changes` replaced; each must be there."""
    for old, new in changes.items():
        if old not in page:
            raise ValueError(f"the page no longer has {old!r}, which the short run replaces")
        page = page.replace(old, new)
    return page


def run_page(page, folder, log=None):
    """Run the blocks of a page's text in `folder`; returns for each what it printed, or None for files.

    Raises
    ------
    RuntimeError
        With the block and what it said, where one fails.
    """
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"MPLBACKEND": "Agg", "COLUMNS": "120", "OMP_NUM_THREADS": "1", "PATH": paths}
    printed = []
    for language, title, code, _ in blocks(page):
        if title:
            (Path(folder) / title).write_text(code, encoding="utf-8")
            printed.append(None)
            continue
        begin = time.perf_counter()
        command = [*COMMANDS[language], code]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{code}\nended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
        printed.append("\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines()))
        if log:
            print(f"{time.perf_counter() - begin:6.0f} s  {code.splitlines()[0]}", file=log, flush=True)
    return printed


def with_outputs(page, printed):
    """The page's text with its `text` blocks replaced by what was printed."""
    parts, position = [], 0
    for (*_, end), said in zip(blocks(page), printed, strict=True):
        output = OUTPUT.match(page, end)
        if said is not None and output:
            parts += [page[position : output.start(1)], said + "\n"]
            position = output.end(1)
    return "".join(parts) + page[position:]


def figures(page):
    """(place beside the pages, place in the folder of the run) of each figure."""
    return FIGURE.findall(page)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", choices=sorted(path.stem for path in PAGES.glob("*.md")))
    parser.add_argument("--folder", type=Path, required=True, help="where the page is run")
    parser.add_argument("--only-write", action="store_true", help="from what an earlier run printed")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path, record = PAGES / f"{options.page}.md", options.folder / "printed.json"
    page = path.read_text(encoding="utf-8")
    if not options.only_write:
        record.write_text(json.dumps(run_page(page, options.folder, sys.stderr)))
        page = path.read_text(encoding="utf-8")  # words may have changed meanwhile
    path.write_text(with_outputs(page, json.loads(record.read_text())), encoding="utf-8")
    for place, source in figures(page):
        shutil.copyfile(options.folder / source, PAGES / place)


if __name__ == "__main__":
    main()
