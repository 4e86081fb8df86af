"""``anharmonic screen relax``: files, energies aligned with known compounds, and all that is left out is said."""

import csv
import json

import ase.io
import numpy as np
import pytest
from ase.build import bulk

CALCULATOR = "from ase.calculators.emt import EMT\n\n\ndef emt():\n    return EMT()\n"
FCC = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]


def compound(name, symbols, **properties):
    """An ordered alloy on the places of a face-centred cubic crystal, as a line of a table."""
    record = {"id": name, "cell": (4.0 * np.eye(3)).tolist(), "symbols": symbols, "frac": FCC} | properties
    return json.dumps(record) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Alloys, known ones, elements, a calculator; a file that is no structure beside each."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "emt.py").write_text(CALCULATOR)
    known = compound("gold-rich", ["Pd", *"AAA"], e_form=0.3).replace('"A"', '"Au"')
    parts = {
        "new": {"alloys.jsonl": compound("alloy", ["Cu", "Au", "Au", "Au"], e_form=0.1)},
        "known": {"known.jsonl": known + compound("bare", ["Ag", "Au", "Au", "Au"])},
        "elements": {},
    }
    for part, tables in parts.items():
        (tmp_path / part).mkdir()
        (tmp_path / part / f"broken-{part}.cif").write_text("no crystal")
        for name, text in tables.items():
            (tmp_path / part / name).write_text(text)
    for symbol in ("Cu", "Au", "Pd"):
        ase.io.write(tmp_path / "elements" / f"{symbol}.cif", bulk(symbol, cubic=True))
    return tmp_path


def test_energies_aligned_with_known_compounds(folder, call):
    """What cannot be read is said, of candidates, known compounds and elements; and who has nothing to align with."""
    options = "--calculator", "emt.py:emt", "--predicted", "e_form", "--reference", "elements", "--workers", 1
    done = call("screen", "relax", "new", *options, "--align", "known", "--out", "out")
    assert done.code == 0, done
    for part in ("new", "known", "elements"):
        assert f"refused {part}/broken-{part}.cif: not readable as cif: AssertionError\n" in done.err, done.err
    assert "1 of 2 structures are not aligned with: they have no e_form" in done.err
    (row,) = csv.DictReader((folder / "out" / "relax.csv").open())
    shift = float(row["aligned"]) - float(row["formation"])
    aligned = json.loads((folder / "out" / "aligned" / "relaxed.jsonl").read_text())
    energies = json.loads((folder / "out" / "elements.json").read_text())
    assert row["name"] == "alloy" and aligned["name"] == "gold-rich" and "Ag" not in json.dumps(energies)
    assert "median of 1 compounds" in done.err and f"{shift / 0.75:+.3f} eV" in done.err


def test_inputs_and_refusals(folder, call):
    """Inputs of DFT say what they leave out; a folder of nothing but broken files is an error."""
    done = call("screen", "relax", "new", "--inputs", "vasp", "--out", "inputs")
    assert done.code == 0 and "refused new/broken-new.cif" in done.err and "1 structures" in done.out
    (folder / "new" / "alloys.jsonl").unlink()
    done = call("screen", "relax", "new", "--inputs", "vasp", "--out", "inputs")
    assert done.code == 2 and "no structure is left: new/broken-new.cif" in done.err
