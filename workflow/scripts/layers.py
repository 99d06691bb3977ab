"""Print the layers and branches that were found in the network, for activations.layers and model.head."""

from strata.activations import layers
from strata.config.check import checked
from strata.estimate import images_and_classes
from strata.job import job
from strata.networks import head
from strata.networks.build import build

with job(snakemake.threads, snakemake.log[0]):
    config = checked(snakemake.config)
    model, size = config.model, config.data.size
    network = build(model, images_and_classes(config)[1]).to("meta")  # shapes without numbers
    table = layers.described(network, model.head, size=size)
    told = head.told(network, model.head)
    blocks = [layer for layer in table["layer"] if layer.count("-") < 2 and layer != "penultimate"]
print(f"{model.source}, images of {size} × {size}\n")
print(table.to_string(index=False, justify="left"))
print(f"\nhead: {told} (config key model.head)")
print(f"for activations.layers: [{', '.join(blocks)}], or any other node or module by its name")
