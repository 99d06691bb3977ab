"""Layers: what the network has to choose from, printed before anything is run."""


localrules:
    layers,


rule layers:
    message:
        "Tracing the network"
    script:
        "../scripts/layers.py"
