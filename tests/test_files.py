"""Tables and plain data as files: what stands in them, and that nothing is left of a file that failed."""

import csv
import json

import numpy as np
import pytest

from anharmonic.files import write_csv, write_json


def test_json_is_read_as_it_was(tmp_path):
    data = {"name": "Å", "values": [1, 2.5, None]}
    write_json(tmp_path / "a.json", data)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == data and text.endswith("}\n")


def test_tables_of_sequences_and_of_dicts(tmp_path):
    """Both kinds of rows give one file; numbers have all their digits, what is unknown is empty."""
    names = ["T", "value", "what"]
    rows = [[300, 0.1 + 0.2, "a, b"], [350.0, None, np.float64(1e-9)]]
    write_csv(tmp_path / "a.csv", names, iter(rows))
    shuffled = [{"other": 1, "what": "a, b", "value": 0.1 + 0.2, "T": 300}, {"T": 350.0, "what": np.float64(1e-9)}]
    write_csv(tmp_path / "b.csv", dict.fromkeys(names), shuffled)
    text = (tmp_path / "a.csv").read_bytes()
    assert text == (tmp_path / "b.csv").read_bytes()
    assert text == b'T,value,what\n300,0.30000000000000004,"a, b"\n350.0,,1e-09\n'
    assert [row["what"] for row in csv.DictReader((tmp_path / "a.csv").open())] == ["a, b", "1e-09"]


def test_a_table_that_fails_leaves_the_old_one(tmp_path):
    def rows():
        yield [1]
        raise ZeroDivisionError

    write_csv(tmp_path / "a.csv", ["x"], [[0]])
    with pytest.raises(ZeroDivisionError):
        write_csv(tmp_path / "a.csv", ["x"], rows())
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "x\n0\n"
