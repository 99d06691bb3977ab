import pytest
import yaml

from strata import estimate
from strata.config.check import checked
from strata.errors import StrataError
from strata.networks.build import build


@pytest.fixture
def config(root):
    return checked(yaml.safe_load((root / "config/config.yaml").read_text()))


@pytest.fixture
def rates():
    return next(iter(estimate.read_rates().values()))


def changed(config, section, **keys):
    return config.model_copy(update={section: getattr(config, section).model_copy(update=keys)})


def costs(config, rates, shape=None):
    return estimate.estimate(config, shape or estimate.traced(config), rates=rates).set_index("rule")


def test_the_shapes_are_those_of_the_network(config):
    shape = estimate.traced(config)
    network = build(config.model, 10)
    assert (shape.images, shape.classes) == (1797, 10)
    assert shape.parameters == sum(p.numel() for p in network.parameters())
    assert (shape.units["stem"], shape.units["block-08"], shape.units["penultimate"]) == (16, 128, 128)


def test_twice_the_images_cost_twice_the_disk_of_codes(config, rates):
    one, two = (costs(changed(config, "costs", images=n, classes=10), rates) for n in (1000, 2000))
    assert two.loc["codes", "disk"] == 2 * one.loc["codes", "disk"]
    assert two.loc["train", "hours"] > one.loc["train", "hours"]


def test_a_network_that_is_not_trained_here_costs_no_training(config, rates):
    trained, adopted = (
        costs(changed(config, "model", **model), rates, estimate.traced(config))
        for model in ({}, {"source": "torchvision:resnet18", "weights": "IMAGENET1K_V1"})
    )
    assert "adopt" not in trained.index
    assert "train" not in adopted.index
    start = rates["start"] / 3600  # which both have, and which differs from machine to machine
    assert adopted.loc["adopt", "hours"] - start < 0.1 * (trained.loc["train", "hours"] - start)


def test_crops_and_a_cap_set_the_cost_of_discovery(config, rates):
    def discovery(**features):
        return costs(changed(config, "features", **features), rates).loc["discovery"]

    all_images, few, cropped = discovery(), discovery(images_per_class=10), discovery(images_per_class=10, crops=7)
    assert few["disk"] < all_images["disk"]
    assert cropped["disk"] == 7 * few["disk"] == 7 * 100 * 3 * 32**2


def test_what_goes_counts_only_while_it_is_there(config, rates):
    many = config.model_copy(update={"jobs": "many"})
    crops = changed(many, "features", images_per_class=1000, crops=100)
    kept, with_crops, least = {}, {}, "all, activations.keep: false"
    for about, into in ((many, kept), (crops, with_crops)):
        table = costs(about, rates)
        into |= table["disk"]
        rows = table["disk"].drop(["all", least])
        assert into["all"] == max(
            rows[["index, decode", "train", "discovery", "class_features", "dictionary"]].sum(),
            rows.drop(["discovery", "class_features"]).sum(),
        )
        assert table.loc[least, "jobs"] == table.loc["all", "jobs"]
    # Of thirteen checkpoints, two or three at once are less than all; images of discovery, most of a run, decide both.
    others = kept["all"] - kept["cache"]  # of which figures come when activations have gone
    assert kept[least] == max(others, others - kept["measurements to report"] + at_once(many))
    assert with_crops["discovery"] < with_crops[least] == with_crops["all"]


def at_once(config):
    """Bytes of the activations of the last checkpoint beside the first, or of three, without branches."""
    shape = estimate.traced(config)
    once = {name: 4 * shape.images * n for name, n in shape.units.items() if name not in shape.repeated}
    probed = sum(n for name, n in once.items() if not name.endswith(("-main", "-skip")))
    return max(sum(once.values()) + probed, 3 * probed)


def test_a_run_of_few_jobs_has_all_activations_of_a_network_at_once(config, rates):
    one, two = (costs(config.model_copy(update={"seeds": seeds}), rates)["disk"] for seeds in ([0], [0, 1]))
    least = "all, activations.keep: false"
    shown = one["measurements to report"]
    assert one["all"] - one[least] == pytest.approx(shown)
    assert two["all"] - two[least] == pytest.approx(one["cache"] + shown)


def test_the_paper_s_run_fits_its_quota(root, rates):
    config = checked(yaml.safe_load((root / "config/imagenet.yaml").read_text()))
    disk = costs(config, rates)["disk"] / 2**30
    assert disk["all"] < 380
    assert disk["all, activations.keep: false"] < 260


def test_the_page_names_every_rule_and_device(config, rates):
    shape = estimate.traced(config)
    table = estimate.estimate(config, shape, rates=rates)
    page = estimate.text(config, shape, tables={"my device": table})
    for word in ("1,797 images", "my device", "cache", "probe (linear)", "peak memory", *table["rule"]):
        assert word in page


def test_a_folder_that_is_not_here_needs_its_size_told(config):
    config = changed(config, "data", source="folder", path="/nowhere")
    with pytest.raises(StrataError, match=r"costs\.images"):
        estimate.traced(config)
    assert estimate.traced(changed(config, "costs", images=5, classes=2)).images == 5


def test_the_images_of_a_folder_are_counted(config, tmp_path):
    for name in ("a/1.png", "a/2.jpg", "a/readme.txt", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    shape = estimate.traced(changed(config, "data", source="folder", path=str(tmp_path)))
    assert (shape.images, shape.classes) == (3, 2)


def test_perceptrons_cost_what_linear_probes_do_not(rates):
    linear, mlp = (
        costs(checked({"jobs": "many", "probes": {"family": family}}), rates) for family in ("linear", "mlp")
    )
    own, beside, alone = mlp.loc["probe (mlp)"], mlp.loc["probe (linear)"], linear.loc["probe (linear)"]
    assert "probe (mlp)" not in linear.index
    assert own["jobs"] == alone["jobs"] - beside["jobs"] + 1
    assert own["hours"] > alone["hours"] > beside["hours"]


def test_enriched_samples_cost_more_the_more_classes_there_are(config, rates):
    def probes(sample, classes):
        told = changed(changed(config, "costs", images=10_000, classes=classes), "activations", sample=sample)
        return costs(told, rates).loc["probe (linear)"]

    plain, few, many = probes("stratified", 10), probes("enriched", 10), probes("enriched", 100)
    assert few["jobs"] == plain["jobs"]
    assert few["hours"] > plain["hours"]
    assert few["memory"] - plain["memory"] == 4 * 10_000 * 128  # all activations of the widest layer
    assert many["hours"] - probes("stratified", 100)["hours"] > few["hours"] - plain["hours"]
