"""Print the layers and branches that were found in the network, for activations.layers and model.head."""

from strata import activations, costs, models
from strata.errors import one_line

with one_line():
    c = snakemake.config
    network = models.build(c["model"], costs.images_and_classes(c)[1]).to("meta")  # shapes without numbers
    table = activations.described(network, c["model"]["head"], c["data"]["size"])
    head = models.head_of(network, c["model"]["head"])
    classes, units = head.weight.shape[:2]
    name = next(own for own, module in network.named_modules() if module is head)
    print(f"{c['model']['source']}, images of {c['data']['size']} × {c['data']['size']}\n")
    print(table.to_string(index=False, justify="left"))
    print(f"\nhead: {name}, {units} units to {classes} classes (config key model.head)")
    blocks = [layer for layer in table["layer"] if layer.count("-") < 2 and layer != "penultimate"]
    print(f"for activations.layers: [{', '.join(blocks)}], or any other node or module by its name")
