import pytest

from strata import layers

LISTED = ["stem", "block-01", "block-02"]


def test_branches_belong_to_blocks_alone():
    assert layers.branches_of(LISTED) == ["block-01-main", "block-01-skip", "block-02-main", "block-02-skip"]


def test_a_branch_that_is_listed_as_a_layer_has_no_branches_of_its_own():
    assert layers.branches_of(["stem", "block-01-main", "block-01-skip"]) == []


@pytest.mark.parametrize("listed", [LISTED, [*LISTED, "penultimate"], ["penultimate", *LISTED]])
def test_the_penultimate_layer_is_always_probed_once_and_last(listed):
    assert layers.probed_layers(listed) == [*LISTED, "penultimate"]


def test_every_probed_layer_and_every_branch_is_cached_once():
    cached = layers.cached_layers(LISTED)
    assert sorted(cached) == sorted([*layers.probed_layers(LISTED), *layers.branches_of(LISTED)])
    assert len(cached) == len(set(cached))


@pytest.mark.parametrize(
    ("size", "names"),
    [
        (1, ["stem", "block-01", "block-02"]),
        (2, ["stem-to-block-01", "block-02"]),
        (9, ["stem-to-block-02"]),
    ],
)
def test_chunks_hold_every_layer_once_in_order_under_distinct_names(size, names):
    parts = layers.chunks(LISTED, size)
    assert list(parts) == names
    assert [layer for part in parts.values() for layer in part] == LISTED
    assert max(map(len, parts.values())) <= size


def test_no_layers_make_no_chunks():
    assert layers.chunks([], 4) == {}
