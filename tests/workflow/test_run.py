"""A finished run as an object."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from workplace import CHECKPOINTS, RUN

import strata
from strata import store
from strata.errors import StrataError

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def run(finished):
    return strata.load(finished.path(RUN))


def test_features_and_findings_are_those_of_the_files(finished, run):
    pd.testing.assert_frame_equal(
        run.features, pd.read_csv(finished.path(f"{RUN}/features.csv"), dtype={"class": str}), check_exact=True
    )
    written = json.loads(finished.path(f"{RUN}/findings.json").read_text())
    assert [f.id for f in run.findings] == [f["id"] for f in written]
    assert [f.verdict for f in run.findings] == [f["verdict"] for f in written]


def test_a_table_is_read_by_its_name(run):
    assert set(run.table("by_checkpoint")["epoch"]) == {0, 1, 2}
    with pytest.raises(StrataError, match=r"has no table 'growth'; allowed: .*q2_growth"):
        run.table("growth")


def test_dictionary_codes_and_images_belong_together(run):
    assert (run.seeds, run.checkpoints) == ([0], list(CHECKPOINTS))
    d, z = run.dictionary(seed=0), run.codes(seed=0)
    assert d.shape[0] == z.shape[1] == len(run.features) == 30
    assert z.shape[0] == len(run.ids) == 1797
    assert np.linalg.norm(d, axis=1) == pytest.approx(np.ones(30))
    assert not np.array_equal(run.dictionary(checkpoint=CHECKPOINTS[1]), d)


def test_images_come_in_the_order_that_is_asked_for(finished, run):
    arrays, _ = store.read(finished.path(f"{RUN}/images/shard-001.h5"), kind="images")
    names = [name.decode() for name in arrays["ids"][:3]]
    assert np.array_equal(run.images(names[::-1]), arrays["images"][:3][::-1])
    with pytest.raises(StrataError, match="has no image 'nobody'"):
        run.images([names[0], "nobody"])


def test_vinfo_is_that_of_the_features_in_the_last_checkpoint_or_another(run):
    last, features = run.vinfo(seed=0), run.features
    for layer in ("stem", "block-01", "block-02", "penultimate"):
        assert last[layer].to_numpy() == pytest.approx(features[f"vinfo_{layer}"].to_numpy(), nan_ok=True)
    assert {"block-01-main", "block-02-skip"} <= set(last)
    untrained = run.vinfo(checkpoint=CHECKPOINTS[0])
    assert list(untrained) == ["stem", "block-01", "block-02", "penultimate"]
    k = 1 - untrained[["stem", "block-01", "block-02"]].clip(0, 1).mean(axis=1, skipna=False)
    assert k.to_numpy() == pytest.approx(features["complexity_untrained"].to_numpy(), nan_ok=True)
    assert untrained["penultimate"].mean() < last["penultimate"].mean()


def test_between_the_first_and_the_last_checkpoint_the_last_features_are_probed_where_they_are_decoded(run):
    between = run.vinfo(checkpoint=CHECKPOINTS[1])
    assert list(between) == ["penultimate"]
    decoding = run.table("decoding").query("epoch == 1")["vinfo"]
    assert between["penultimate"].to_numpy() == pytest.approx(decoding.to_numpy(), nan_ok=True)


def test_it_tells_what_it_is(run):
    assert repr(run).startswith("Run 'tiny': 30 features, 1 seed(s), 3 checkpoints; ")
    shown = run._repr_html_()
    assert "<table" in shown
    assert all(f.claim.replace("&", "&amp;").replace("<", "&lt;") in shown for f in run.findings[:3])


def test_what_an_older_configuration_left_behind_is_not_taken_for_the_runs(run, again):
    again.path(f"{RUN}/seed-0/checkpoints/epoch-009.pt").touch()
    shutil.copytree(again.path(f"{RUN}/seed-0"), again.path(f"{RUN}/seed-5"))
    probed = again.path(f"{RUN}/seed-0/vinfo/own/{CHECKPOINTS[-1]}")
    shutil.copytree(probed / "linear", probed / "mlp")
    for path in (probed / "mlp").glob("*.h5"):
        path.write_bytes(b"of another family")
    other = strata.load(again.path(RUN))
    assert (other.seeds, other.checkpoints) == (run.seeds, run.checkpoints)
    pd.testing.assert_frame_equal(other.vinfo(), run.vinfo())
    again.path(f"{RUN}/findings.json").unlink()
    with pytest.raises(StrataError, match=r"no findings.json"):
        strata.load(again.path(RUN))


def test_what_is_no_run_is_told(tmp_path, run):
    with pytest.raises(StrataError, match=r"holds no finished run \(no features.csv\)"):
        strata.load(tmp_path)
    with pytest.raises(StrataError, match="has no seed 3; allowed: 0"):
        run.codes(seed=3)
