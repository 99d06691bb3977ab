"""A logger of Snakemake that shows runs in Strata's words (`logger: strata` in a profile); it is found by its name.

It hands Snakemake's events over to `strata.console`; with `--verbose` it shows what Snakemake itself would.
"""

import logging
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from strata.console import Begun, Console, broken_yaml, plan

# Of what Snakemake says in a run, beside its events and its warnings, what a user needs.
KEPT = ("Nothing to be done", "Terminating processes", "Will exit after")
# What Strata says in words of its own, or what tells a user nothing.
DROPPED = ("Config file ", "Assuming unrestricted", "Exiting because a job", "WorkflowError:\nAt least one job")


class LogHandler(LogHandlerBase):
    """What a run says, on standard error; a plan on standard output."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False  # Snakemake's own, which knows of --quiet
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Begin with nothing said."""
        self._stream = sys.stdout if self.common_settings.stdout else sys.stderr
        self._console = Console(self._write)
        self._jobs: dict[str, int] = {}
        self._reasons: dict[str, str] = {}
        self._why = ""
        self._remote = self._in_a_run = False
        self._hear: dict[str | None, Callable[[Any], None]] = {
            LogEvent.WORKFLOW_STARTED: self._started,
            LogEvent.RESOURCES_INFO: self._provided,
            LogEvent.RUN_INFO: self._counted,
            LogEvent.JOB_INFO: self._begun,
            LogEvent.JOB_FINISHED: lambda said: self._console.ends(said.job_id, said.created),
            LogEvent.JOB_ERROR: self._failed,
            LogEvent.JOB_STARTED: lambda said: None,
            LogEvent.PROGRESS: lambda said: None,
        }

    def emit(self, record: logging.LogRecord) -> None:
        """Show what an event of Snakemake means to a user."""
        try:
            if self.common_settings.verbose:
                self._write(self.format(record))
            else:
                self._hear.get(getattr(record, "event", None), self._other)(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Say what comes last."""
        if self.common_settings.dryrun and self._jobs and not self.common_settings.verbose:
            self._write(plan(self._jobs, self._reasons))
            self._write("\nNothing was run; snakemake -n --verbose tells of every job.")
        self._console.closes(time.time())
        self._jobs = {}
        super().close()

    def _started(self, record: Any) -> None:
        self._in_a_run = True

    def _provided(self, record: Any) -> None:
        self._remote = self._remote or hasattr(record, "nodes")  # jobs go to a queue

    def _counted(self, record: Any) -> None:
        # The target `all` is no job that does anything.
        self._jobs = {rule: count for rule, count in record.stats.items() if rule not in ("all", "total")}
        if not self.common_settings.dryrun:
            self._console.planned(self._jobs, record.created)

    def _begun(self, record: Any) -> None:
        self._reasons.setdefault(record.rule_name, record.reason)
        self._console.has_page([*record.input, *record.output])
        if record.rule_name in self._jobs and not self.common_settings.dryrun:
            asked = {name: record.resources.get(name) for name in ("runtime", "mem_mb")}
            numbers = {name: value for name, value in asked.items() if isinstance(value, int)}
            job = Begun(record.rule_name, record.rule_msg or record.rule_name, record.created, numbers)
            self._console.begins(record.jobid, job, queued=self._remote and not record.local)

    def _failed(self, record: Any) -> None:
        self._console.fails(record.jobid, record.created, logs=record.log, why=record.rule_msg or self._why)

    def _other(self, record: Any) -> None:
        """Show what is of no event that Strata has words for, where a user needs it."""
        said = record.getMessage()
        ended = re.search(r"(died with|returned non-zero) .*", said)
        if getattr(record, "exception", "") == "RuleException" and ended:
            self._why = ended[0]  # of the job that is told of next
        elif said.startswith(DROPPED):
            return
        elif "is not valid JSON or YAML" in said:
            self._console.tells(broken_yaml([*sys.argv, "config/config.yaml"]) or said)
        elif record.levelno >= logging.WARNING or not self._in_a_run or said.startswith(KEPT):
            self._console.tells(said)

    def _write(self, text: str) -> None:
        # On a terminal, the bar of a job may be on this line.
        begin = "\r\033[K" if self._stream.isatty() else ""
        print(f"{begin}{text}", file=self._stream, flush=True)
