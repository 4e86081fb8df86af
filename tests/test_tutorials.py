"""Tutorials run as they are printed: in short lengths by default, in full with `-m slow`."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("tutorials", ROOT / "docs" / "tutorials" / "run.py")
tutorials = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tutorials)

STEPS = "--equilibration 100 --production 400"
SHORT = {
    "first-sweep": {
        "--supercell 6 6 6": "--supercell 2 2 2",
        "150:450:25 --out": f"150:450:150 {STEPS} --out",
        "225:400:25": "250:400:150",
        "--production 16000": STEPS,
    },
    "from-vasp": {
        'preset = "balanced"': 'preset = "fast"',
        "--supercell 4 4 4": "--supercell 2 2 2",
        "150:450:25": "150:450:300",
        "--production 16000": STEPS,
    },
    "your-own-crystal": {
        "range(12)": "range(8)",
        'preset = "accurate"': 'preset = "balanced"',
        "rounds = 5": "rounds = 1",
        "[300, 1500, 3000]": "[300]",
        "production = 2000": "production = 100",
        "range(2000)": "range(48)",
        "step >= 400": "step >= 8",
        "--supercell 6 6 6": "--supercell 4 4 4",
        "300:2700:600": f"100:300:100 {STEPS}",
        "--quasi-harmonic 2700": "--quasi-harmonic 300",
    },
    "screening-to-potential": {'("Cs", "Rb", "K")': '("Cs", "K")'},
}
"""What the default tests replace in each page; a change that a page no longer has fails."""

COSTLY = ("first-sweep", "from-vasp", "your-own-crystal")
"""Pages that cost more than the usual tests can spare even so."""

STOPS = {"screening-to-potential": "## Forces"}
"""Where the default test of a page ends: what follows labels, and is for the slow ones."""


def text_of(name):
    """A page as it is."""
    return (tutorials.PAGES / f"{name}.md").read_text(encoding="utf-8")


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", text)]


def test_every_page_is_tested():
    assert sorted(SHORT) == sorted(path.stem for path in tutorials.PAGES.glob("*.md"))


@pytest.mark.parametrize("name", SHORT)
def test_page_is_complete(name):
    """Every run block has its output beside it where one is announced, and every figure is there and moderate."""
    page = text_of(name)
    assert "```text\n```" not in page, "an output was never written: python docs/tutorials/run.py"
    places = re.findall(r"\((\.\./figures/[^)]+)\)", page)
    assert places == [place for place, _ in tutorials.figures(page)] and len(places) >= 2
    for place in places:
        assert 5_000 < (tutorials.PAGES / place).stat().st_size < 300_000, place


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in COSTLY else ()) for name in SHORT]
)
def test_page_runs(name, tmp_path):
    """All blocks in order, short; the figures that the page shows are drawn."""
    pytest.importorskip("pymatgen") if name == "screening-to-potential" else None
    page = tutorials.shortened(text_of(name), SHORT[name])
    page = page.split(STOPS[name])[0] if name in STOPS else page
    tutorials.run_page(page, tmp_path)
    drawn = [source for _, source in tutorials.figures(page)]
    assert drawn and all((tmp_path / source).stat().st_size > 5_000 for source in drawn)


def test_failures_are_failures(tmp_path):
    """A block that fails stops the page, and so does a change of something that is no longer there."""
    with pytest.raises(RuntimeError, match="ended with 1"):
        tutorials.run_page("```python\nraise SystemExit(1)\n```\n", tmp_path)
    with pytest.raises(ValueError, match="no longer has"):
        tutorials.shortened("nothing", {"--supercell": ""})


def test_outputs_find_their_blocks(tmp_path):
    """Files are written, blocks run in order, and only what stands right after a block is its output."""
    file, bash = '```python title="n.py"\nn = 3\n```\n\n', "```bash\necho one\n```\n\n"
    page = file + bash + "```python\nimport n\nprint(n.n)\n```\n\n```text\nold\n```\n"
    printed = tutorials.run_page(page, tmp_path)
    assert printed == [None, "one", "3"]
    assert tutorials.with_outputs(page, printed) == page.replace("old", "3")


@pytest.mark.slow
def test_first_sweep(tmp_path):
    """Orthorhombic at 150 K; hot, cubic but for names in doubt; tilts vanish where the page says."""
    printed = tutorials.run_page(text_of("first-sweep"), tmp_path)
    lines = printed[2].splitlines()
    assert "orthorhombic" in lines[0] and "?" not in lines[0]
    cubic = ["cubic" in line for line in lines[-3:]]
    assert sum(cubic) >= 2 and all(is_cubic or "?" in line for is_cubic, line in zip(cubic, lines[-3:], strict=True))
    vanish = {line.split()[0]: numbers(line)[0] for line in printed[4].splitlines() if "vanish" in line}
    assert 300 < vanish["in-phase"] < 370 and 220 < vanish["anti-phase"] < 310


@pytest.mark.slow
def test_from_vasp(tmp_path):
    """The errors of held-out frames are those of the shipped potential, and so are its phases."""
    printed = tutorials.run_page(text_of("from-vasp"), tmp_path)
    assert "231 structures" in printed[0] and "1 refused" in printed[1]
    energy, _, forces = numbers(next(line for line in printed[5].splitlines() if line.startswith("all")))[1:4]
    assert energy < 3.5 and forces < 60
    assert abs(numbers(printed[6].splitlines()[0])[-1] + 111) < 6


@pytest.mark.slow
def test_your_own_crystal(tmp_path):
    """Phonons of the potential are the calculator's, and so are energy and pressure of a hot crystal."""
    printed = tutorials.run_page(text_of("your-own-crystal"), tmp_path)
    assert abs(numbers(printed[1])[0] - 3.330) < 0.002
    lines = [numbers(line) for line in printed[5].splitlines()]
    for one, other in zip(lines[::2], lines[1::2], strict=True):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) < 0.15
    one, other = [numbers(line) for line in printed[6].splitlines()]
    assert abs(one[0] - other[0]) < 4 * (one[1] ** 2 + other[1] ** 2) ** 0.5
    assert abs(one[2] - other[2]) < 4 * (one[3] ** 2 + other[3] ** 2) ** 0.5 + 0.1


@pytest.mark.slow
def test_screening_to_potential(tmp_path):
    """CsPbBr3 is chosen, and the learnt potential has the phases of the one that labelled."""
    pytest.importorskip("pymatgen")
    printed = tutorials.run_page(text_of("screening-to-potential"), tmp_path)
    assert re.search(r"1\s+halides#7\s+CsPbBr3", printed[1])
    for line in printed[6].splitlines():
        true, learned = numbers(line.split(maxsplit=1)[1])
        assert abs(true - learned) < 8
