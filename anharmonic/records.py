"""Frozen records (dataclasses of arrays, records, tuples and plain values) as HDF5 groups; no pickle."""

import dataclasses
import hashlib
import json

import h5py
import numpy as np

from anharmonic.errors import FileFormatError
from anharmonic.files import replacing

CLASS, LENGTH, PLAIN = "class", "length", "plain"
DAMAGE = (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError)
"""What h5py raises, here or there, when it meets a damaged file."""


def write_record(group, name, value, compression="gzip"):
    """Write `value` under `name`: arrays as data sets, records and tuples as groups, the rest as JSON."""
    if dataclasses.is_dataclass(value):
        child = group.create_group(name)
        child.attrs[CLASS] = type(value).__name__
        for item in dataclasses.fields(value):
            write_record(child, item.name, getattr(value, item.name), compression)
    elif isinstance(value, tuple | list) and any(_is_structured(item) for item in value):
        child = group.create_group(name)
        child.attrs[LENGTH] = len(value)
        for k, item in enumerate(value):
            write_record(child, f"{k:04d}", item, compression)
    elif hasattr(value, "__array__"):
        value = np.asarray(value)
        group.create_dataset(name, data=value, compression=compression if value.size > 64 else None)
    else:
        group.create_dataset(name, data=json.dumps(value), dtype=h5py.string_dtype())


def read_record(node, classes):
    """Read what `write_record` wrote; `classes` maps names to the dataclasses that may occur.

    Raises
    ------
    FileFormatError
        If the file names a class or a field that this version does not know.
    """
    if isinstance(node, h5py.Dataset):
        return _plain(json.loads(node.asstr()[()])) if h5py.check_string_dtype(node.dtype) else node[()]
    if LENGTH in node.attrs:
        return tuple(read_record(node[f"{k:04d}"], classes) for k in range(node.attrs[LENGTH]))
    name = node.attrs[CLASS]
    if name not in classes:
        raise FileFormatError(f"unknown record {name!r}; known are {', '.join(sorted(classes))}")
    fields = {item.name for item in dataclasses.fields(classes[name])}
    if fields != set(node):
        raise FileFormatError(f"record {name!r} has fields {sorted(node)}, expected {sorted(fields)}")
    return classes[name](**{key: read_record(node[key], classes) for key in node})


def save_record(path, value, kind, version):
    """Write a file that holds one record, which says of what kind it is."""
    with replacing(path) as part, h5py.File(part, "w") as file:
        file.attrs["format"], file.attrs["version"] = kind, version
        write_record(file, "record", value)


def load_record(path, kind, version, classes):
    """Read what `save_record` wrote.

    Raises
    ------
    FileFormatError
        If the file is damaged, or of another kind or version.
    """
    try:
        with h5py.File(path) as file:
            found, number = file.attrs.get("format"), file.attrs.get("version")
            if found != kind:
                raise FileFormatError(f"{path} is no {kind}; found {found or 'another HDF5 file'}")
            if number != version:
                raise FileFormatError(f"{path} has version {number}; this program reads version {version}")
            return read_record(file["record"], {c.__name__: c for c in classes})
    except (FileNotFoundError, FileFormatError):
        raise
    except DAMAGE as error:
        raise FileFormatError(f"{path} is no {kind}, or is damaged: {error}") from None


def digest(file):
    """SHA-256 over the names, attributes and contents of everything in an open HDF5 file."""
    total = hashlib.sha256()

    def add(name, node):
        total.update(name.encode())
        for key in sorted(node.attrs):
            total.update(f"{key}={node.attrs[key]}".encode())
        if isinstance(node, h5py.Dataset):
            content = node.asstr()[()].encode() if h5py.check_string_dtype(node.dtype) else node[()].tobytes()
            total.update(f"{node.dtype}{node.shape}".encode() + content)

    file.visititems(add)
    return total.hexdigest()


def _is_structured(value):
    return dataclasses.is_dataclass(value) or hasattr(value, "__array__") or isinstance(value, tuple | list)


def _plain(value):
    """JSON's lists as tuples, so that records stay hashable where they were."""
    return tuple(map(_plain, value)) if isinstance(value, list) else value
