"""Files of arrays, as they are written and as a stranger would write them."""

import io
import struct
import zipfile

import numpy as np
import pytest

from selfplay.train import arrays


def npy(array, **header):
    """A .npy file of `array` whose header says something else."""
    out = io.BytesIO()
    told = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape} | header
    np.lib.format.write_array_header_1_0(out, told)
    return out.getvalue() + array.tobytes()


def written(path, compression=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def test_what_numpy_saves_comes_back(tmp_path):
    path = tmp_path / "a.npz"
    saved = {
        "words": np.arange(6, dtype=np.uint64).reshape(3, 2),
        "empty": np.zeros((0, 4), np.float16),
        "one": np.array(7),
        "columns": np.asfortranarray(np.arange(6, dtype=np.int8).reshape(2, 3)),
    }
    with path.open("wb") as file:
        np.savez(file, **saved)  # pyright: ignore[reportArgumentType]
    found = arrays.load(path)
    assert set(found) == set(saved)
    for name, array in saved.items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array)
        found[name][...] = 0  # may be written to


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((2**40,), "an array of shape"), ((2, 2), "an array of shape"), ((-3,), "an array of shape")],
)
def test_a_header_that_asks_for_more_than_there_is(tmp_path, shape, reason):
    path = written(tmp_path / "a.npz", a=npy(np.arange(3), shape=shape))
    with pytest.raises(ValueError, match=rf"a\.npz is not a file of arrays: .*{reason}"):
        arrays.load(path)


def test_a_bomb_takes_no_memory(tmp_path):
    """Zeros of 64 MB in a file of 64 kB."""
    path = written(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, a=npy(np.zeros(8 << 20)))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ValueError, match="it is larger than it seems"):
        arrays.load(path)


def test_members_that_share_their_bytes(tmp_path):
    """Two names in the directory, one content."""
    path = written(tmp_path / "a.npz", a=npy(np.zeros(10_000)), b=npy(np.zeros(10_000)))
    raw = bytearray(path.read_bytes())
    directory = raw.index(b"PK\x01\x02", raw.index(b"PK\x01\x02") + 1)
    struct.pack_into("<I", raw, directory + 42, 0)  # where the second member begins
    path.write_bytes(raw[:200] + raw[200:])
    with pytest.raises(ValueError, match="is not a file of arrays"):
        arrays.load(path)


def test_what_would_need_unpickling_or_is_no_archive(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.array([{"x": 1}], dtype=object))
    with pytest.raises(ValueError, match=r"a\.npz is not a file of arrays"):
        arrays.load(path)
    for content in (b"PK\3\4 no zip", b"", path.read_bytes()[:-30]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.npz is not a file of arrays"):
            arrays.load(path)


def test_expectations_name_the_array():
    state = {"a": np.zeros((2, 3), np.int8), "b": np.zeros((), np.int64)}
    arrays.expect(state, {"a": (np.int8, (2, None)), "b": (np.int64, ())})
    for expected, reason in (
        ({"c": (np.int8, ())}, "c is missing"),
        ({"a": (np.int16, (2, 3))}, r"a is int8\[2, 3\], not int16\[2, 3\]"),
        ({"a": (np.int8, (3, None))}, r"a is int8\[2, 3\], not int8\[3, 'any'\]"),
        ({"a": (np.int8, (2,))}, r"a is int8\[2, 3\]"),
    ):
        with pytest.raises(ValueError, match=reason):
            arrays.expect(state, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_numbers_out_of_range(value):
    arrays.within("a", np.array([0.0, 1.0]), 0, 1)
    with pytest.raises(ValueError, match="a holds"):
        arrays.within("a", np.array([0.5, value]), 0, 1)
