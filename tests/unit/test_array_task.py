import base64
import json
import zlib

from strata.array_task import own_command

COMMANDS = {"2": "python -m snakemake second", "3": "python -m snakemake --config 'x=[1, 2]' third"}


def asked(commands):
    """Return the arguments of a task, as Slurm's executor writes them."""
    packed = {task: zlib.compress(command.encode(), level=9).hex() for task, command in commands.items()}
    return [
        "snakemake",
        "--jobs=1",
        f"--slurm-jobstep-array-execs={base64.b64encode(json.dumps(packed).encode()).decode()}",
    ]


def test_a_task_has_the_command_of_its_own_job():
    for task, command in COMMANDS.items():
        assert own_command(asked(COMMANDS), {"SLURM_ARRAY_TASK_ID": task}) == command


def test_the_first_task_a_job_of_no_array_and_one_that_has_its_command_go_on_as_they_are():
    assert own_command(asked(COMMANDS), {"SLURM_ARRAY_TASK_ID": "1"}) is None
    assert own_command(asked(COMMANDS), {}) is None
    assert own_command(["snakemake", "--jobs=1"], {"SLURM_ARRAY_TASK_ID": "2"}) is None
