"""The script of a rule outside a run, in this process: to look at it in a debugger, or to test it.

`python workflow/debug.py importance seed=0`, in the folder where Snakemake runs, does the work of that job on the files
that are there; `breakpoint()` stops anywhere in it. What it writes goes below debug/, and leaves the run as it is. In
Python, `Workflow().snakemake("importance", "debug", seed="0")` is the object that the script has as `snakemake`.
"""

import argparse
import importlib.util
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import snakemake.api  # before the others: they import each other in a circle
import snakemake.dag
import snakemake.jobs
import snakemake.script
from snakemake.iocontainers import Log, OutputFiles, Wildcards
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

from strata.errors import StrataError, one_line

SCRIPTS = Path(__file__).with_name("scripts")


class Workflow:
    """The workflow of the folder that one is in, whose jobs run here, one at a time.

    Parameters
    ----------
    configfiles
        Those that overlay the default, as `--configfile` does.
    """

    def __init__(self, configfiles: Iterable[str | Path] = ()) -> None:
        self._open = ExitStack()
        api = self._open.enter_context(snakemake.api.SnakemakeApi(OutputSettings(quiet={Quietness.ALL})))
        asked = api.workflow(
            resource_settings=ResourceSettings(),
            config_settings=ConfigSettings(configfiles=[Path(path) for path in configfiles]),
            snakefile=Path("Snakefile"),
        )
        self._workflow = asked._workflow
        self._workflow.dag_settings = DAGSettings(rerun_triggers=[])

    def snakemake(self, rule: str, into: str | Path, *, log: str | None = None, **wildcards: str) -> Any:
        """Return what the script of a job has as `snakemake`.

        Parameters
        ----------
        rule, **wildcards
            Of the job.
        into
            The folder below which it writes.
        log
            Where it says what it says; None for the job's own log.

        Raises
        ------
        StrataError
            If there is no such rule, or its jobs have other wildcards; tells which.
        """
        found = self._rule(rule)
        if found.wildcard_names != wildcards.keys():
            named = ", ".join(sorted(found.wildcard_names)) or "none"
            raise StrataError(f"wildcards of a job of the rule {rule}: {named}; found {', '.join(wildcards) or 'none'}")
        job = snakemake.jobs.Job(found, snakemake.dag.DAG(self._workflow, rules=[found]), wildcards)
        return snakemake.script.Snakemake(
            job.input,
            OutputFiles(toclone=job.output, custom_map=lambda path: str(Path(into, path))),
            job.params,
            Wildcards(fromdict=job.wildcards_dict),
            job.threads,
            job.resources,
            Log(toclone=job.log, custom_map=lambda path: log or path),
            self._workflow.globals["config"],
            rule,
            None,
        )

    def run(self, rule: str, into: str | Path, *, log: str | None = None, **wildcards: str) -> Sequence[str]:
        """Run the script of a job; return its outputs.

        Parameters
        ----------
        rule, into, log, **wildcards
            See `snakemake`.
        """
        given = self.snakemake(rule, into, log=log, **wildcards)
        spec: Any = importlib.util.spec_from_file_location(rule, SCRIPTS / Path(self._rule(rule).script).name)
        script: Any = importlib.util.module_from_spec(spec)
        script.snakemake = given
        spec.loader.exec_module(script)
        return [str(path) for path in given.output]

    def _rule(self, name: str) -> Any:
        rules = {rule.name: rule for rule in self._workflow.rules if rule.script}
        if name not in rules:
            raise StrataError(f"no rule {name!r} has a script; allowed: {', '.join(sorted(rules))}")
        return rules[name]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close what Snakemake holds."""
        self._open.close()


def main() -> None:
    """Run the job that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rule")
    parser.add_argument("wildcards", nargs="*", metavar="wildcard=value")
    parser.add_argument("--configfile", action="append", default=[])
    parser.add_argument("--into", default="debug", metavar="folder", help="below which it writes (default: debug)")
    asked = parser.parse_args()
    wildcards = dict(pair.split("=", 1) for pair in asked.wildcards)
    with one_line(), Workflow(asked.configfile) as workflow:
        print(*workflow.run(asked.rule, asked.into, log="/dev/stdout", **wildcards), sep="\n")


if __name__ == "__main__":
    main()
