"""The tables of one seed, made from the files of the finished run."""

import dataclasses

import pandas as pd
import pytest
from workplace import CHECKPOINTS, SEED, TINY

from strata.claims.controls import CONTROLS
from strata.errors import StrataError
from strata.measures.catalogue import MEASURES, tables_of_measurements
from strata.measures.measurements import Files, tables_of_seed

pytestmark = pytest.mark.workflow

FIRST, LAST = CHECKPOINTS[0], CHECKPOINTS[-1]
EPOCHS = dict(enumerate(CHECKPOINTS))
LAYERS = TINY["activations"]["layers"]


@pytest.fixture(scope="module")
def files(finished):
    def shards(kind, *place):
        return [str(path) for path in sorted(finished.path(f"{SEED}/{kind}").joinpath(*place).glob("*.h5"))]

    def probed(features, checkpoint, chunk="stem"):
        return [path for path in shards("vinfo", features, checkpoint, "linear") if f"/{chunk}" in path]

    return Files(
        dictionary=str(finished.path(f"{SEED}/features/{LAST}.h5")),
        passes={table: str(finished.path(f"{SEED}/{table}.csv")) for m in MEASURES.values() for table in m.tables},
        codes={epoch: shards("codes", checkpoint) for epoch, checkpoint in EPOCHS.items()},
        last_in_all={epoch: probed(LAST, checkpoint) for epoch, checkpoint in EPOCHS.items()},
        afresh={epoch: probed(checkpoint, checkpoint) for epoch, checkpoint in EPOCHS.items()},
        branches=probed(LAST, LAST, "block-01-main"),
        controls={c.name: probed(LAST, FIRST) if c.untrained else probed(c.name, LAST) for c in CONTROLS.values()},
        reference=[],
    )


def test_all_tables_of_a_seed_are_made_and_tell_it(files):
    found = tables_of_seed(files, 7, layers=LAYERS, target="predicted")
    assert list(found) == ["features", *tables_of_measurements(families=False)]
    for name, table in found.items():
        assert next(iter(table)) == "seed", name
        assert set(table["seed"]) == {7}, name
    assert len(found["features"]) == 30
    assert set(found["control_vinfo"]["control"]) == set(CONTROLS)
    assert set(found["by_checkpoint"]["epoch"]) == {0, 1, 2}
    assert set(found["decoding"]["epoch"]) == {1, 2}  # the untrained network has not decoded anything yet


def test_another_family_is_compared_with_the_reference(files):
    both = dataclasses.replace(files, reference=files.last_in_all[2])
    found = tables_of_seed(both, 0, layers=LAYERS, target="predicted", family="mlp")
    assert list(found) == ["features", *tables_of_measurements(families=True)]
    by_family = found["by_family"].set_index(["family", "feature"])["complexity"]
    pd.testing.assert_series_equal(by_family["linear"], by_family["mlp"])


def test_without_a_series_nothing_is_told_of_time(files):
    one = {"codes": files.codes, "last_in_all": files.last_in_all, "afresh": files.afresh}
    alone = dataclasses.replace(files, **{name: {epoch: own[epoch] for epoch in (0, 2)} for name, own in one.items()})
    found = tables_of_seed(alone, 0, layers=LAYERS, target="label")
    assert "temporal_decoding_score" not in found["features"]
    assert "temporal_decoding_score" not in found["by_fold"]
    assert not found["features"]["complexity"].isna().all()


def test_a_target_that_was_not_measured_is_told(files):
    with pytest.raises(StrataError, match=r"config key questions.importance_target must be .*; found 'nobody'"):
        tables_of_seed(files, 0, layers=LAYERS, target="nobody")
