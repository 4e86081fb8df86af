"""Help, version, refusals of the parser, interruption, the compilation cache."""

import os
import subprocess
import sys
from importlib import import_module

import jax
import pytest

import anharmonic
from anharmonic.cli.compiler import (
    WIDE_VECTORS,
    compute_in_one_thread,
    enable_compilation_cache,
    prefer_wide_vectors,
    prepare_compiler,
)
from anharmonic.cli.options import clusters_of, cutoff_of, order_of, supercell_of, temperatures_of
from anharmonic.cli.terminal import clock, with_error
from anharmonic.errors import AnharmonicError

COMMANDS = ("basis", "fit", "validate", "scan", "sweep", "md", "mc", "info")


def test_help_lists_all_commands(call):
    done = call("--help")
    assert done.code == 0 and all(command in done.out for command in COMMANDS)
    assert call().out == done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(call, command):
    done = call(command, "--help")
    assert done.code == 0 and done.out.count(f"anharmonic {command}") >= 2


def test_examples_are_listed_and_copied(call, tmp_path):
    """Also into a folder that has them; not over what a user has changed."""
    listed = call("examples")
    assert listed.code == 0 and "03_sweep.py" in listed.out and "potentials and data in" in listed.out
    for _ in range(2):
        assert call("examples", "--out", tmp_path / "mine").code == 0
    assert (tmp_path / "mine" / "06_ipi.xml").is_file()
    (tmp_path / "mine" / "03_sweep.py").write_text("changed")
    refused = call("examples", "--out", tmp_path / "mine")
    assert refused.code == 2 and "has other files named 03_sweep.py" in refused.err
    assert (tmp_path / "mine" / "03_sweep.py").read_text() == "changed"


def test_shipped_potentials_say_where_their_data_are(call):
    folder = call("info", "CsPbBr3").out.splitlines()[-1].removeprefix("files: ")
    assert os.path.isfile(os.path.join(folder, "labels.extxyz"))


def test_help_does_not_wait_for_heavy_modules():
    heavy = ("jax", "scipy", "matplotlib", "ase", "numpy", "h5py")
    load = "import sys; from anharmonic.cli.main import main; main(['--help'])"
    code = f"{load}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(call):
    assert call("--version").out.strip() == f"anharmonic {anharmonic.__version__}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["swep"], "No such command 'swep'"),
        (["sweep"], "Missing argument"),
        (["sweep", "x", "--frobnicate"], "No such option"),
        (["sweep", "x", "--temperatures", "300", "--seed", "many"], "--seed"),
    ],
)
def test_parser_errors_are_one_line(call, arguments, message):
    done = call(*arguments)
    assert done.code == 2 and not done.out
    assert message in done.err and done.err.startswith("error: ") and done.err.count("\n") == 1


def test_interruption_says_that_the_run_goes_on(call, springs, tmp_path, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("anharmonic.sweep.sweep"), "build_run", stopped)
    done = call("sweep", springs, "--supercell", 2, 2, 2, "--temperatures", 300, "--out", tmp_path)
    assert done.code == 130 and "the same command goes on" in done.err and "Traceback" not in done.err


def test_public_names_are_there():
    import anharmonic.sweep.plan  # noqa: F401  the folder must not hide the function

    assert callable(anharmonic.sweep) and callable(anharmonic.fit)
    assert all(getattr(anharmonic, name) is not None for name in anharmonic.__all__)
    with pytest.raises(AttributeError):
        anharmonic.nothing  # noqa: B018


def test_cache_is_in_the_users_folder(cache_home):
    enable_compilation_cache()
    assert jax.config.jax_compilation_cache_dir == str(cache_home / "anharmonic" / "jax")


def test_cache_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    enable_compilation_cache()
    assert not jax.config.jax_compilation_cache_dir


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("300", [300]),
        ("150:550:100", [150, 250, 350, 450, 550]),
        ("0.1:0.4:0.1", [0.1, 0.2, 0.3, 0.4]),
        ("100:350:100,325", [100, 200, 300, 325]),
    ],
)
def test_temperatures(text, expected):
    assert temperatures_of(text) == pytest.approx(expected)


def test_texts_of_options():
    assert cutoff_of("8") == 8 and isinstance(cutoff_of("8"), int)
    assert cutoff_of("8.0") == 8.0 and isinstance(cutoff_of("8.0"), float)
    assert clusters_of("Pb-Br-Pb, Br-Pb-Br") == ["Pb-Br-Pb", "Br-Pb-Br"] and clusters_of("4.5") == 4.5
    assert order_of("4") == 4 and order_of("pair=6,octahedron=3") == {"pair": 6, "octahedron": 3}
    assert supercell_of(("2", "3", "4"), None) == [2, 3, 4]
    assert supercell_of(None, "1 -1 0; 1 1 0; 0 0 2") == [[1, -1, 0], [1, 1, 0], [0, 0, 2]]
    with pytest.raises(AnharmonicError, match="three rows"):
        supercell_of(None, "1 2 3")


def test_numbers_for_the_eye():
    assert with_error(5.84123, 0.0012) == "5.8412(12)"
    assert with_error(-41.36, 0.36, 2) == "-41.36(36)"
    assert with_error(5.67, 6e-18) == "5.6700"
    assert with_error(1.0, 0.0) == "1.0000" and with_error(None, 1.0) is None
    assert (clock(59.6), clock(125), clock(3723)) == ("1:00", "2:05", "1:02:03")


def test_one_thread_unless_the_user_says_how_many(monkeypatch):
    for given, expected in (({}, "1"), ({"NPROC": "4"}, None), ({"PJRT_NPROC": "3"}, "3")):
        for name in ("NPROC", "PJRT_NPROC"):
            monkeypatch.delenv(name, raising=False)
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        compute_in_one_thread()
        assert os.environ.get("PJRT_NPROC") == expected


def test_large_supercells_keep_their_threads(monkeypatch):
    for cells, expected in ((None, None), ((10, 10, 10), None), ([[8, 0, 0], [0, 8, 0], [1, 1, 8]], "1")):
        for name in ("NPROC", "PJRT_NPROC"):
            monkeypatch.delenv(name, raising=False)
        prepare_compiler(cells)
        assert os.environ.get("PJRT_NPROC") == expected


def test_wide_vectors_where_the_processor_has_them(monkeypatch, tmp_path):
    """The width is set for AVX-512 only, and never over the user's own choice."""
    for content, before, after in (
        ("flags : fpu avx2 avx512f", "--xla_dump_to=x", f"--xla_dump_to=x {WIDE_VECTORS}"),
        ("flags : fpu avx2", "", ""),
        ("flags : avx512f", "--xla_cpu_prefer_vector_width=256", "--xla_cpu_prefer_vector_width=256"),
    ):
        (tmp_path / "cpuinfo").write_text(content)
        monkeypatch.setenv("XLA_FLAGS", before)
        prefer_wide_vectors(tmp_path / "cpuinfo")
        assert os.environ["XLA_FLAGS"] == after
    monkeypatch.setenv("XLA_FLAGS", "")
    prefer_wide_vectors(tmp_path / "missing")
    assert os.environ["XLA_FLAGS"] == ""
