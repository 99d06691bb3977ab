"""A run as other tools read it: its folder as a Workflow Run RO-Crate, described in ro-crate-metadata.json.

The profile is https://w3id.org/ro/wfrun/workflow/0.5, which stands on RO-Crate 1.1.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

import strata
from strata.config.keys import Config

SNAKEFILE, CONFIGURATION = "workflow/Snakefile", "workflow/config.yaml"
"""The workflow's main file and the whole configuration, copied into the folder: a crate holds what it was made by."""

_FILES = {
    "index.html": ("text/html", "The answers: each question's sentence, verdict, figure, nulls and method"),
    "explorer.html": ("text/html", "Every feature, with its images and all that was measured of it"),
    "report.html": ("text/html", "Snakemake's own report of all figures"),
    "findings.json": ("application/json", "The claims, tested: value, interval, p-value, nulls, verdict"),
    "findings.md": ("text/markdown", "The same as text"),
    "left_out.json": ("application/json", "What the run leaves out, and why"),
    "features.csv": ("text/csv", "One row a feature: every scalar that was measured of it"),
}
_FOLDERS = {
    "figures/": "The figures, as SVG, PDF and PNG",
    "tables/": "The numbers behind each figure, and all tables of measurements",
    "images/": "The images as they were studied: listed, decoded once, dealt into shards",
    "logs/": "What each job said",
}
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
_MIT = "https://spdx.org/licenses/MIT"
_DONE, _FAILED = "http://schema.org/CompletedActionStatus", "http://schema.org/FailedActionStatus"


def crate(config: Config, record: Mapping[str, Any] | None) -> str:
    """Return the description of a finished run, for ro-crate-metadata.json in its folder.

    Parameters
    ----------
    config
        The whole configuration.
    record
        What made its results (see `strata.provenance`); None where that is not recorded.
    """
    made = ROCrate(version="1.1")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    calls = list(record["calls"]) if record else [{}]
    agent = _agent(made, calls[-1])
    _root(made, config, agent, now=now)
    workflow = _workflow(made, calls[-1])
    given = _inputs(made, config, workflow)
    results = _outputs(made, config, workflow, recorded=record is not None)
    for number, call in enumerate(calls, 1):
        last = number == len(calls)
        action = made.add_action(
            workflow,
            identifier=f"#call-{number}",
            object=given if last else None,
            result=results if last else None,
            properties=_times(call, now if last else None)
            | {
                "name": f"Call {number} of snakemake for the run {config.run}",
                "description": "What is here now, this call ended" if last else "An earlier call for the same run",
            },
        )
        if agent:
            action["agent"] = agent
        made.root_dataset.append_to("mentions", action)
    return json.dumps(made.metadata.generate(), indent=1, ensure_ascii=False) + "\n"


def _root(made: ROCrate, config: Config, agent: ContextEntity | None, *, now: str) -> None:
    root = made.root_dataset
    root["name"] = f"Strata, run {config.run}"
    root["description"] = (
        f"How complex the features are that {config.model.source} learned from {config.data.source}, when they are "
        "learned, where they flow, how much they matter: images, network, features, measurements, tested claims"
    )
    root["datePublished"] = now
    told = "No licence of these results is stated: put one here before you share them. Images keep their own"
    root["license"] = _add(made, "#licence", "CreativeWork", name="No licence stated", description=told)
    root["conformsTo"] = [
        _add(made, address, "CreativeWork", name=name, version=address.rpartition("/")[2])
        for address, name in _PROFILES.items()
    ]
    if agent:
        root["author"] = agent


def _workflow(made: ROCrate, call: Mapping[str, Any]) -> Any:
    packages = call.get("packages", {})
    about = {
        "name": "Strata",
        "encodingFormat": "text/x-python",
        "version": call.get("strata", {}).get("version") or strata.__version__,
        "license": _add(made, _MIT, "CreativeWork", name="MIT License"),
        "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
    }
    if commit := call.get("strata", {}).get("commit"):
        about["identifier"] = commit
    workflow = made.add_workflow(
        dest_path=SNAKEFILE, main=True, lang="snakemake", lang_version=packages.get("snakemake"), properties=about
    )
    if packages:
        workflow["softwareRequirements"] = [
            _package(made, "generic", "python", call["python"]),
            *(_package(made, "pypi", name, version) for name, version in packages.items()),
        ]
    return workflow


def _package(made: ROCrate, kind: str, name: str, version: str) -> ContextEntity:
    return _add(made, f"pkg:{kind}/{name}@{version}", "SoftwareApplication", name=name, version=version)


def _inputs(made: ROCrate, config: Config, workflow: Any) -> list[Any]:
    about = {"name": "The whole configuration", "encodingFormat": "application/yaml"}
    configuration = made.add_file(dest_path=CONFIGURATION, properties=about)
    source = f"{config.data.source}: {config.data.path}" if config.data.path else config.data.source
    images = _add(made, "#images", "PropertyValue", name="images", value=source)
    _parameter(made, workflow, "input", value=configuration, kind="File", name="configuration")
    _parameter(made, workflow, "input", value=images, kind="Text", name="images")
    return [configuration, images]


def _outputs(made: ROCrate, config: Config, workflow: Any, *, recorded: bool) -> list[Any]:
    files = {
        name: made.add_file(dest_path=name, properties={"name": name, "encodingFormat": kind, "description": told})
        for name, (kind, told) in _FILES.items()
    }
    for name in ("features.csv", "findings.json"):
        _parameter(made, workflow, "output", value=files[name], kind="File", name=name.partition(".")[0])
    if recorded:
        about = {"name": "What made these results, call by call", "encodingFormat": "application/json"}
        made.add_file(dest_path="provenance.json", properties=about)
    seeds = {
        f"seed-{seed}/": f"The network of seed {seed}, its features, codes and measurements" for seed in config.seeds
    }
    folders = [
        made.add_dataset(dest_path=name, properties={"name": name.rstrip("/"), "description": told})
        for name, told in {**_FOLDERS, **seeds}.items()
    ]
    return [*files.values(), *folders]


def _parameter(made: ROCrate, workflow: Any, way: str, *, value: Any, kind: str, name: str) -> None:
    """Tell what a value is to the workflow, an input or an output."""
    parameter = made.add_formal_parameter(
        name, kind, identifier=f"#{way}-{name}", properties={"workExample": value}, valueRequired=True
    )
    value["exampleOfWork"] = parameter
    workflow.append_to(way, parameter)


def _agent(made: ROCrate, call: Mapping[str, Any]) -> ContextEntity | None:
    user = call.get("user")
    return _add(made, f"#{user}", "Person", name=user) if user else None


def _times(call: Mapping[str, Any], now: str | None) -> dict[str, str]:
    """Return when a call ran and how it ended; of the last, which this is written by, that all the rest is done."""
    done = now is not None or call.get("outcome") == "done"
    times = {"startTime": call.get("started"), "endTime": now or call.get("ended")}
    return {"actionStatus": _DONE if done else _FAILED} | {name: at for name, at in times.items() if at}


def _add(made: ROCrate, identifier: str, kind: str, /, **about: Any) -> ContextEntity:
    return made.add(ContextEntity(made, identifier, properties={"@type": kind, **about}))
