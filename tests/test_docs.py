"""The pages of docs/ as a site: every link and every name in it is there."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_in_the_menu(site):
    """What is written can be found from every page."""
    home = (site / "index.html").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        place = page.relative_to(ROOT / "docs").with_suffix("").as_posix().removesuffix("index")
        assert f'href="{place}{"" if place.endswith("/") else "/"}"' in home or place == "", f"{page} is in no menu"


def test_python_pages_have_signatures_and_units(site):
    """Docstrings are read as what they are: parameters, units and errors."""
    page = (site / "api" / "potential" / "index.html").read_text(encoding="utf-8")
    for word in ("anharmonic.potential.load", "Parameters:", "Raises:", "FileFormatError"):
        assert word in page


def test_nothing_is_fetched_from_elsewhere(site):
    """Pages open without a network."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for part in ('src="http', 'rel="stylesheet" href="http'):
            assert part not in text, f"{page.relative_to(site)} loads something: {part}"


def test_equations_stand_beside_code_that_is_there():
    """Modules that the theory names exist; a name that does not is noticed."""
    names = re.findall(r"`([a-z_]+(?:\.[a-z_]+)+|[a-z_]+)`", (ROOT / "docs" / "theory.md").read_text(encoding="utf-8"))
    assert len(names) > 20
    for name in names:
        assert find_spec(f"anharmonic.{name}") is not None, name
    assert find_spec("anharmonic.potential.nothing") is None


def test_equations_are_drawn_without_scripts(site):
    page = (site / "theory" / "index.html").read_text(encoding="utf-8")
    assert page.count('display="block"') > 15
    assert "$$" not in page and 'mathvariant="bold' not in page


def links(page):
    """Places that a built page leads to: (file or None for itself, anchor)."""
    for target in re.findall(r'(?:href|src)="([^"]+)"', page):
        if not re.match(r"[a-z]+:|//", target):
            yield target.split("#")[0] or None, target.partition("#")[2]


def dead_links(site):
    """Every link inside of a built site that leads nowhere, or to an anchor that is not there."""
    dead = []
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html") if path.name != "404.html"}
    for path, text in pages.items():
        for file, anchor in links(text):
            goal = path if file is None else (path.parent / unquote(file)).resolve()
            goal = goal / "index.html" if goal.is_dir() else goal
            there = goal.exists() and (not anchor or goal not in pages or f'id="{unquote(anchor)}"' in pages[goal])
            if not there:
                dead.append(f"{path.relative_to(site)}: {file or ''}#{anchor}")
    return dead


def test_no_link_is_dead(site, tmp_path):
    """Pages, anchors, figures; a dead one is found."""
    assert dead_links(site) == []
    (tmp_path / "index.html").write_text('<a href="#here">x</a><a href="there/">x</a><p id="hers">')
    assert len(dead_links(tmp_path)) == 2


def test_links_of_the_readme_are_there():
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text(encoding="utf-8")):
            assert target.startswith("http") or (ROOT / target).exists(), f"{name}: {target}"
