import pytest

from strata import preflight
from strata.config.check import checked
from strata.errors import StrataError


@pytest.mark.parametrize(
    ("given", "layer", "said"),
    [
        ({"per_class": 12}, "block-02", None),
        ({"per_class": 13}, "block-02", "class '0' gives 12 training images"),
        ({"per_class": 6, "images_per_class": 5}, "block-02", "class '0' gives 5 training images"),
        ({"per_class": 6, "images_per_class": 5, "crops": 2}, "block-02", None),
        ({"per_class": 2, "jobs": 4}, "block-02", r"features\.jobs must be at most the number of classes \(3\)"),
        ({"per_class": 2}, "block-03", "the model has no layer 'block-03'"),
    ],
)
def test_what_a_study_needs_is_checked_before_a_network_is_there(digit_shards, model_config, given, layer, said):
    own = {"model": model_config.model_dump(), "features": given, "activations": {"layers": ["stem", layer]}}
    config = checked(own)
    if said:
        with pytest.raises(StrataError, match=said):
            preflight.check(config, digit_shards)
    else:
        preflight.check(config, digit_shards)
