import os
import re
import resource
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from strata import processes, start, store
from strata.errors import StrataError

ARRAYS = {
    "images": np.arange(6 * 3 * 4 * 4, dtype=np.uint8).reshape(6, 3, 4, 4),
    "labels": np.arange(6, dtype=np.int32),
    "train": np.array([True, False, True, True, False, True]),
    "ids": np.array([f"image-{i}".encode() for i in range(6)]),
    "activations": np.linspace(-1, 1, 60, dtype=np.float32).reshape(6, 10),
}
ABOUT = {"kind": "images", "classes": ["a", "ñ"], "size": 4, "share": 0.125, "nothing": None}


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "results" / "shard-000.h5"
    store.write(path, ARRAYS, **ABOUT)
    return path


def same(found, arrays):
    return list(found) == sorted(arrays) and all(
        found[k].dtype == v.dtype and found[k].shape == v.shape and (found[k] == v).all() for k, v in arrays.items()
    )


def assert_names_the_file_and_its_rebuilding(error, path):
    text = str(error)
    assert text.startswith(str(path))
    assert f"snakemake --cores all --force {path}" in text
    assert "\n" not in text


def test_a_shard_gives_back_what_was_written(shard):
    arrays, about = store.read(shard)
    assert same(arrays, ARRAYS)
    assert about == {"format": store.FORMAT, **ABOUT}
    assert os.listdir(shard.parent) == ["shard-000.h5"]  # no temporary file stays


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float16", "float32", "float64", "bool", "S9"])
@pytest.mark.parametrize("shape", [(0,), (0, 4), (1,), (5, 3), (3, 2, 2)])
def test_every_type_and_shape_survives(tmp_path, dtype, shape):
    array = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    store.write(tmp_path / "a.h5", {"a": array})
    assert same(store.read(tmp_path / "a.h5")[0], {"a": array})


def test_arrays_under_a_path_survive(tmp_path):
    arrays = {"stem/vinfo": np.arange(3.0), "stem/sse": np.ones((2, 3)), "block-01/vinfo": np.zeros(3)}
    store.write(tmp_path / "a.h5", arrays)
    with store.Shard(tmp_path / "a.h5") as found:
        assert all((found.read(name) == array).all() for name, array in arrays.items())
    assert same(store.read(tmp_path / "a.h5")[0], arrays)


def test_chunks_hold_whole_rows_and_rows_can_be_read_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_CHUNK_BYTES", 64)
    array = np.arange(400, dtype=np.float32).reshape(50, 8)
    store.write(tmp_path / "a.h5", {"a": array, "wide": array.reshape(2, 200)})
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["a"].chunks == (2, 8)
        assert file["wide"].chunks == (1, 200)
        assert file["a"].fletcher32
    with store.Shard(tmp_path / "a.h5") as shard:
        assert shard.shape("a") == (50, 8)
        assert (shard.read("a", slice(7, 31)) == array[7:31]).all()
        assert shard.read("a", slice(0, 0)).shape == (0, 8)


@pytest.mark.parametrize("rows", [1, 255, 257, 300, 1000])
def test_a_shard_takes_little_more_than_its_numbers(rows, tmp_path):
    array = np.zeros((rows, 1024), np.float32)  # 256 rows are 1 MiB
    store.write(tmp_path / "a.h5", {"a": array})
    assert (tmp_path / "a.h5").stat().st_size < 1.05 * array.nbytes + 8192


def test_the_same_content_gives_the_same_bytes(shard, tmp_path):
    store.write(tmp_path / "again.h5", ARRAYS, **ABOUT)
    assert (tmp_path / "again.h5").read_bytes() == shard.read_bytes()


def test_writing_replaces_what_was_there(shard):
    store.write(shard, {"labels": ARRAYS["labels"]}, kind="other")
    assert same(store.read(shard, kind="other")[0], {"labels": ARRAYS["labels"]})


@pytest.mark.parametrize("expected", [{"kind": "codes"}, {"size": 5}, {"layer": "stem"}, {"format": 99}])
def test_another_attribute_than_expected_is_told(shard, expected):
    (name, value), *_ = expected.items()
    with pytest.raises(StrataError, match=f"its {name} is .*expected {value!r}") as error:
        store.Shard(shard, **expected)
    assert_names_the_file_and_its_rebuilding(error.value, shard)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(StrataError, match="is missing") as error:
        store.Shard(tmp_path / "no.h5")
    assert_names_the_file_and_its_rebuilding(error.value, tmp_path / "no.h5")


def test_a_missing_dataset_is_told(shard):
    with store.Shard(shard) as found:
        for ask in (found.read, found.shape):
            with pytest.raises(StrataError, match="codes") as error:
                ask("codes")
            assert_names_the_file_and_its_rebuilding(error.value, shard)


def foreign_hdf5(path):
    with h5py.File(path, "w") as file:
        file["images"] = ARRAYS["images"]


def hdf5_with_foreign_attributes(path):
    with h5py.File(path, "w") as file:
        file["images"] = ARRAYS["images"]
        file.attrs["kind"] = "images"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_text("not a shard\n"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n"),
        lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(4000)),
        lambda path: np.savez(path.open("wb"), images=ARRAYS["images"]),
        lambda path: path.mkdir(),
        foreign_hdf5,
        hdf5_with_foreign_attributes,
    ],
    ids=["text", "empty", "signature", "signature and zeros", "npz", "directory", "hdf5", "hdf5 attributes"],
)
def test_a_foreign_file_is_told(tmp_path, make):
    path = tmp_path / "shard.h5"
    make(path)
    with pytest.raises(StrataError) as error:
        store.read(path)
    assert_names_the_file_and_its_rebuilding(error.value, path)


def test_a_file_cut_at_any_length_is_told(shard):
    content = shard.read_bytes()
    lengths = {0, 1, 7, 8, 9, 47, 48, 49, len(content) - 2, len(content) - 1, *range(0, len(content), 97)}
    for length in sorted(lengths):
        shard.write_bytes(content[:length])
        with pytest.raises(StrataError) as error:
            store.read(shard)
        assert_names_the_file_and_its_rebuilding(error.value, shard)


@pytest.mark.slow
@pytest.mark.parametrize(
    "layout", ["one chunk", "many chunks", "many attributes", "many datasets", "a long attribute", "no rows"]
)
def test_a_flipped_bit_never_gives_wrong_data_nor_another_error(tmp_path, monkeypatch, layout):
    """Byte after byte has one bit flipped; which one runs through all eight."""
    arrays, about = dict(ARRAYS), dict(ABOUT)
    if layout == "many chunks":
        monkeypatch.setattr(store, "_CHUNK_BYTES", 64)
    elif layout == "many attributes":
        about |= {f"extra-{i}": i for i in range(9)}
    elif layout == "many datasets":
        arrays |= {f"extra-{i}": np.arange(i + 1) for i in range(9)}
    elif layout == "a long attribute":
        about["classes"] = [f"class {i}" for i in range(6000)]  # beyond what an object header holds
    elif layout == "no rows":
        arrays = {name: array[:0] for name, array in arrays.items()}
    path = tmp_path / "shard.h5"
    store.write(path, arrays, **about)
    whole = path.read_bytes()
    count = len(whole) if layout == "one chunk" else 1500
    places = np.unique(np.linspace(0, len(whole) - 1, count).astype(int))
    wrong, told = [], 0
    with open(path, "r+b", buffering=0) as file:
        for place in map(int, places):
            os.pwrite(file.fileno(), bytes([whole[place] ^ 1 << (place * 5 + place // 8) % 8]), place)
            try:
                found, attributes = store.read(path, kind="images")
                if not same(found, arrays) or attributes != {"format": store.FORMAT, **about}:
                    wrong.append((place, "other data"))
            except StrataError as error:
                told += 1
                if not str(error).startswith(str(path)):
                    wrong.append((place, str(error)))
            except Exception as error:
                wrong.append((place, repr(error)))
            os.pwrite(file.fileno(), whole[place : place + 1], place)
    assert not wrong
    assert told > len(places) / 2
    assert same(store.read(path, kind="images")[0], arrays)


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"tmpfs cannot be mounted here: {error}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_told_in_one_line_and_keeps_nothing(tiny_disk):
    small, large = {"a": np.zeros(10)}, {"a": np.random.default_rng(0).random(50_000)}
    store.write(tiny_disk / "a.h5", small)
    for name in ("a.h5", "b.h5"):
        with pytest.raises(StrataError, match="No space left on device") as error:
            store.write(tiny_disk / name, large)
        assert str(tiny_disk / name) in str(error.value)
        assert "\n" not in str(error.value)
    assert os.listdir(tiny_disk) == ["a.h5"]
    assert same(store.read(tiny_disk / "a.h5")[0], small)  # what was there is still whole


def test_a_file_that_outgrows_its_limit_is_told_in_one_line_and_keeps_nothing(tmp_path):
    program = (
        "import sys, numpy as np\nfrom strata import store\nfrom strata.errors import one_line\n"
        "with one_line():\n    store.write(sys.argv[1], {'a': np.random.default_rng(0).random(50_000)})\n"
    )
    path = tmp_path / "folder" / "a.h5"
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10)),
    )
    assert ended.returncode == 1
    said = ended.stderr.strip()
    assert "\n" not in said
    assert said.startswith(f"Error: {path}: could not be written (File too large)")
    assert os.listdir(path.parent) == []


@pytest.fixture
def ended():
    """The number of a process that was killed, and waits to be reaped."""
    process = subprocess.Popen(["sleep", "60"])
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    yield process.pid
    process.wait()


def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(tmp_path, ended):
    def left(name, age=0.0):
        path = tmp_path / "seed-0" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
        return path

    day, here, far = 24 * 3600, processes.HOST, f"not-{processes.HOST}"
    gone = [left(f".a.h5.{ended}@{here}.tmp"), left(f".a.h5.{ended}@{far}.tmp", 1.1 * day)]
    kept = [
        left("a.h5"),
        left(f".a.h5.{os.getpid()}@{here}.tmp", 2 * day),
        left(f".b.h5.{ended}@{far}.tmp", 0.9 * day),
        left(".mine.tmp", 2 * day),  # not ours to judge
    ]
    start.tidy(tmp_path)
    assert [path for path in gone if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
    start.tidy(tmp_path / "of a run that has not begun")


def test_a_process_killed_while_it_writes_leaves_what_the_next_run_removes(tmp_path):
    program = (
        "import os, signal, sys\nfrom strata import store\n"
        "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\nstore.write_bytes(sys.argv[1], b'content')\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.h5")])
    assert killed.returncode == -signal.SIGKILL
    assert re.fullmatch(rf"\.a\.h5\.\d+@{processes.HOST}\.tmp", *os.listdir(tmp_path))
    start.tidy(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("below", ["a.h5", "folder/a.h5"])
def test_a_path_that_leads_through_a_file_is_told(tmp_path, below):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / below
    with pytest.raises(StrataError, match="could not be written") as error:
        store.write(path, {"a": np.zeros(1)})
    assert str(path) in str(error.value)


def test_a_digest_tells_contents_apart():
    digests = [store.digest(x) for x in (b"", b"a", ["a", "b"], ["ab"], ["b", "a"])]
    assert len(set(digests)) == len(digests)
    assert all(len(d) == 16 and int(d, 16) >= 0 for d in digests)
    assert store.digest(["a", "b"]) == store.digest(iter("ab"))


def test_names_of_one_file_take_the_disk_once_and_stand_for_themselves(shard):
    other = shard.parent / "elsewhere" / "shard-000.h5"
    store.link(shard, [other])
    assert other.stat().st_ino == shard.stat().st_ino
    shard.unlink()
    assert same(store.read(other)[0], ARRAYS)
    store.write(shard, {"a": np.ones(3)})
    store.link(shard, [other])  # in place of what was there
    assert same(store.read(other)[0], {"a": np.ones(3)})
    assert sorted(path.name for path in shard.parent.rglob("*.tmp")) == []


def test_where_the_disk_knows_no_further_names_a_file_is_copied(shard, monkeypatch):
    def refused(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refused)
    other = shard.with_name("other.h5")
    store.link(shard, [other])
    assert other.stat().st_ino != shard.stat().st_ino
    assert other.read_bytes() == shard.read_bytes()


@pytest.mark.parametrize(("dtype", "shape"), [("float32", (50, 8)), ("float64", (7, 300)), ("float32", (0, 4))])
def test_a_matrix_that_is_mostly_zeros_is_read_as_it_was_from_a_smaller_file(tmp_path, dtype, shape):
    rng = np.random.default_rng(0)
    dense = (rng.normal(size=shape) * (rng.random(shape) < 0.1)).astype(dtype)
    dense[3:5] = 0  # rows without a number
    store.write(tmp_path / "a.h5", {"z": store.Sparse(dense), "under/a": np.arange(3)})
    assert same(store.read(tmp_path / "a.h5")[0], {"under/a": np.arange(3), "z": dense})
    with store.Shard(tmp_path / "a.h5") as shard:
        assert shard.shape("z") == shape
        for rows in (slice(2, 6), slice(4, 5), slice(5, 999), slice(3, 3)):
            assert (shard.read("z", rows) == dense[rows]).all()
            assert shard.read("z", rows).shape == dense[rows].shape


def test_a_matrix_that_is_mostly_zeros_takes_the_disk_of_its_other_numbers(tmp_path):
    dense = np.zeros((1000, 1000), np.float32)
    dense[:, 17] = 1
    store.write(tmp_path / "a.h5", {"z": store.Sparse(dense)})
    assert (tmp_path / "a.h5").stat().st_size < 30_000  # 4 bytes and 2 for each of 1,000, and 8 where its row starts


def test_an_attribute_that_is_a_list_has_each_of_its_values(tmp_path):
    store.write(tmp_path / "a.h5", {"a": np.ones(2)}, layer=["block-02", "penultimate"])
    assert store.read(tmp_path / "a.h5", layer="penultimate")[1]["layer"] == ["block-02", "penultimate"]
    with pytest.raises(StrataError, match=r"its layer is .* expected 'block-01'"):
        store.read(tmp_path / "a.h5", layer="block-01")
