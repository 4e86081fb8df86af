"""``anharmonic exchange``: runs, goes on, and refuses."""

import json

import numpy as np
import pytest

from anharmonic.sampling.runfile import read_samples

SHORT = ("--supercell", 2, 2, 2, "--equilibration", 200, "--production", 600, "--swap-every", 2, "--quiet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exchange")


def test_run_report_and_resume(call, springs, folder):
    """Files and tables; the same command reports again, other options are refused."""
    command = ("exchange", springs, "--temperatures", "200:300", "--replicas", 3, *SHORT, "--out", folder)
    done = call(*command)
    assert done.code == 0, done.err
    assert "accepted (%)" in done.out and "round trips" in done.out and "200 K - 244.95 K" in done.out
    summary = json.loads((folder / "summary.json").read_text())
    assert [p["temperature_K"] for p in summary["points"]] == [200.0, 244.95, 300.0]
    assert {p["direction"] for p in summary["points"]} == {"equilibrium"}
    energies = [p["energy"] for p in summary["points"]]
    assert energies == sorted(energies)
    exchange = summary["exchange"]
    assert all(0.05 < a < 1 for a in exchange["acceptance"]) and exchange["swap_stride"] == 2
    assert len(exchange["temperatures_of_equal_acceptance_K"]) == 3 and len(exchange["up_fraction"]) == 3
    assert all((folder / f"exchange.{ending}").stat().st_size > 10_000 for ending in ("png", "pdf"))
    _, samples = read_samples(folder / "run.h5")
    assert samples["deformation"].shape == (40, 3, 3, 3)
    assert (np.sort(samples["walker"], axis=1) == np.arange(3)).all()
    again = call(*command)
    assert again.code == 0 and again.out == done.out
    other = call(*command[:-2], "--seed", 1, "--out", folder)
    assert other.code == 2 and "seed: file has 0, asked for 1" in other.err


def test_pressures(call, springs, tmp_path):
    """One temperature, a pressure for each replica; by Monte Carlo as by dynamics."""
    done = call(
        "exchange", springs, "--temperatures", 250, "--pressure", "0,0.2", *SHORT[:4], "--equilibration", 20,
        "--production", 80, "--method", "mc", "--quiet", "--out", tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [p["pressure_GPa"] for p in summary["points"]] == [0.0, 0.2]
    assert summary["pressure_GPa"] is None and summary["transitions"] == []
    assert "0 GPa - 0.2 GPa" in done.out


@pytest.mark.parametrize(
    "options, text",
    [
        (("--temperatures", "200:300"), "needs --replicas"),
        (("--temperatures", "300:200", "--replicas", 3), "rises"),
        (("--temperatures", "200,300", "--replicas", 3), "they are 2"),
        (("--temperatures", "200"), "two or more"),
        (("--temperatures", "200,200"), "same temperature"),
        (("--temperatures", "200,300", "--pressure", "0,1,2"), "one for each replica"),
        (("--temperatures", "200,300", "--pressure", "x"), "numbers parted by commas"),
        (("--temperatures", "200,300", "--swap-every", 0), "every 1 or more"),
        (("--temperatures", "200,300", "--batch", 3), "batches of 3"),
        (("--temperatures", "200,300", "--method", "mc", "--timestep", 2), "molecular dynamics"),
        (("--temperatures", "200,300", "--stress", 0, 0, 0, 0, 0, 0, "--pressure", "1"), "includes the pressure"),
    ],
)
def test_refusals(call, springs, tmp_path, options, text):
    done = call("exchange", springs, "--supercell", 2, 2, 2, *options, "--quiet", "--out", tmp_path)
    assert done.code == 2 and text in done.err
    assert done.err.count("\n") == 1
