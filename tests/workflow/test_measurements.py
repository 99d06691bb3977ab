"""The tables of one population, made from the files of the finished run."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from workplace import CHECKPOINTS, SEED, TINY

from strata.claims.controls import CONTROLS
from strata.errors import StrataError
from strata.measures.catalogue import MEASURES, tables_of_measurements
from strata.measures.measurements import Files, tables_of_population

pytestmark = pytest.mark.workflow

FIRST, LAST = CHECKPOINTS[0], CHECKPOINTS[-1]
EPOCHS = dict(enumerate(CHECKPOINTS))
LAYERS = TINY["activations"]["layers"]


@pytest.fixture(scope="module")
def files(finished):
    def shards(kind, *place):
        return [str(path) for path in sorted(finished.path(f"{SEED}/{kind}").joinpath(*place).glob("*.h5"))]

    def probed(asked, checkpoint):
        return shards("vinfo", asked, checkpoint, "linear")

    return Files(
        features=EPOCHS,
        dictionary=str(finished.path(f"{SEED}/features/{LAST}.h5")),
        passes={
            table: str(finished.path(f"{SEED}/measured/learned/{table}.csv"))
            for measure in MEASURES.values()
            for table in measure.written
        },
        codes={epoch: shards("codes", checkpoint) for epoch, checkpoint in EPOCHS.items()},
        own={epoch: probed("own", checkpoint) for epoch, checkpoint in EPOCHS.items()},
        followed={epoch: probed("followed", checkpoint) for epoch, checkpoint in EPOCHS.items() if epoch},
        branches=probed("flow", LAST),
        untrained=probed("followed", FIRST),
        others=probed("others", LAST),
        controls={
            "shuffled": ["others", "shuffled"],
            "random": ["own", f"random-{LAST}"],
            "untrained": ["untrained", LAST],
        },
        reference=[],
    )


def made(files, seed=0, *, target="predicted", family="linear"):
    return tables_of_population(files, seed, layers=LAYERS, target=target, family=family)


def test_all_tables_of_a_population_are_made_and_tell_the_seed(files):
    found = made(files, 7)
    assert list(found) == ["features", *tables_of_measurements(families=False)]
    for name, table in found.items():
        assert next(iter(table)) == "seed", name
        assert set(table["seed"]) == {7}, name
    assert len(found["features"]) == 30
    assert set(found["control_vinfo"]["control"]) == set(CONTROLS)
    assert set(found["by_checkpoint"]["epoch"]) == {0, 1, 2}
    assert set(found["decoding"]["epoch"]) == {1, 2}  # the untrained network has not decoded anything yet


def test_another_family_is_compared_with_the_reference(files):
    found = made(dataclasses.replace(files, reference=files.own[2]), family="mlp")
    assert list(found) == ["features", *tables_of_measurements(families=True)]
    by_family = found["by_family"].set_index(["family", "feature"])["complexity"]
    pd.testing.assert_series_equal(by_family["linear"], by_family["mlp"])


def test_a_null_has_the_same_tables_as_far_as_it_can(files, finished):
    null = dataclasses.replace(
        files,
        features={0: FIRST},
        dictionary=str(finished.path(f"{SEED}/features/{FIRST}.h5")),
        passes={
            name: path.replace("learned", "untrained")
            for name, path in files.passes.items()
            if finished.path(path.replace("learned", "untrained")).exists()
        },
        branches=[str(path) for path in finished.path(f"{SEED}/vinfo/flow/{FIRST}/linear").glob("*.h5")],
        untrained=[],
        others=[],
        controls={},
    )
    found, learned = made(null), made(files)
    assert list(found) == list(learned)
    assert found["control_vinfo"].empty
    assert set(found["by_checkpoint"]["epoch"]) == {0}
    same = {"complexity", "importance", "ceiling", "firing_rate"}
    at_first = learned["by_checkpoint"].query("epoch == 0")
    for column in same:
        np.testing.assert_array_equal(found["features"][column], at_first[column])
    assert {"temporal_decoding_score", "redundancy", "robustness"} <= set(found["features"])


def test_without_a_series_nothing_is_told_of_time(files):
    alone = dataclasses.replace(
        files,
        features={0: FIRST, 2: LAST},
        **{name: {epoch: getattr(files, name)[epoch] for epoch in (0, 2)} for name in ("codes", "own")},
        followed={2: files.followed[2]},
    )
    found = made(alone, target="label")
    assert "temporal_decoding_score" not in found["features"]
    assert "temporal_decoding_score" not in found["by_fold"]
    assert not found["features"]["complexity"].isna().all()


def test_a_target_that_was_not_measured_is_told(files):
    with pytest.raises(StrataError, match=r"config key questions.importance_target must be .*; found 'nobody'"):
        made(files, target="nobody")
