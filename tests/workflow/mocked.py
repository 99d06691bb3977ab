"""Scripts of rules run in this process, as a debugger and the measurement of coverage want them."""

import os
import runpy
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import snakemake.api  # before the others: they import each other in a circle
import snakemake.dag
import snakemake.jobs
import snakemake.script
import torch
import yaml
from snakemake.iocontainers import OutputFiles, Wildcards
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings
from workplace import REPOSITORY, Workplace


class Mocked:
    """The workflow of a place, whose jobs run here, one at a time."""

    def __init__(self, place: Workplace, config: dict[str, Any]) -> None:
        self.place = place
        configfile = place.path("mocked.yaml")
        configfile.write_text(yaml.safe_dump(config))
        os.chdir(place.folder)
        self.open = ExitStack()
        api = self.open.enter_context(snakemake.api.SnakemakeApi(OutputSettings(quiet={Quietness.ALL})))
        asked = api.workflow(
            resource_settings=ResourceSettings(),
            config_settings=ConfigSettings(configfiles=[configfile]),
            snakefile=Path("Snakefile"),
        )
        self.workflow = asked._workflow
        self.workflow.dag_settings = DAGSettings(rerun_triggers=[])

    def run(self, rule: str, into: Path, **wildcards: str) -> Sequence[str]:
        """Run the script of a rule; what it writes goes below another folder. Returns its outputs' own names."""
        found = self.workflow.get_rule(rule)
        job = snakemake.jobs.Job(found, snakemake.dag.DAG(self.workflow, rules=[found]), wildcards)
        given = snakemake.script.Snakemake(
            job.input,
            OutputFiles(toclone=job.output, custom_map=lambda path: str(into / path)),
            job.params,
            Wildcards(fromdict=job.wildcards_dict),
            job.threads,
            job.resources,
            job.log,
            self.workflow.globals["config"],
            rule,
            None,
        )
        try:
            runpy.run_path(str(REPOSITORY / "workflow/scripts" / Path(found.script).name), {"snakemake": given})
        finally:
            torch.set_num_threads(1)
        return [str(path) for path in job.output]
