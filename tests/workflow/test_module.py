"""Strata as a module of another workflow: the snippet of docs/module.md, word for word."""

import shutil

import pytest
import yaml
from workplace import REPOSITORY, RUN, SEED, Workplace, differing, planned, tiny

pytestmark = pytest.mark.workflow

REPRODUCED = (
    "images/*",
    "seed-0/checkpoints/*",
    "seed-0/activations/**/*",
    "seed-0/features/*",
    "seed-0/codes/**/*",
    "seed-0/vinfo/**/*",
    "seed-0/measured/**/*.csv",
    "seed-0/decoded.h5",
    "seed-0/tables/**/*.csv",
    "features.csv",
    "figures/*.pdf",
    "findings.json",
    "findings.md",
    "left_out.json",
    "figures/*.png",
    "figures/*.svg",
)
CLASSES = "class,superclass\n" + "".join(f"{digit},{'even' if digit % 2 == 0 else 'odd'}\n" for digit in range(10))


@pytest.fixture
def theirs(tmp_path):
    """A workflow in the folder beside Strata's, whose configuration names a file of its own."""
    beside = Workplace.new(tmp_path / "strata")
    folder = tmp_path / "theirs"
    folder.mkdir()
    place = Workplace(folder)
    place.package = beside.folder
    section = (REPOSITORY / "docs/module.md").read_text()
    place.path("Snakefile").write_text(section.split("```python\n")[1].split("```")[0])
    place.path("classes.csv").write_text(CLASSES)
    place.path("mine.yaml").write_text(yaml.safe_dump({"strata": tiny({"data.superclasses": "classes.csv"})}))
    yield place
    shutil.rmtree(folder)
    shutil.rmtree(beside.folder)


def test_another_workflow_runs_strata_to_the_end_and_gets_the_same(theirs, finished):
    done = theirs.snakemake("--cores", "2", configfile="mine.yaml")
    assert done.code == 0, done.output
    # All but what tells of super-classes, which the finished run has none of: the same bytes in another folder, by few
    # jobs or by many.
    own = {
        "findings.md",
        "left_out.json",
        "images/superclasses.csv",
        *(f"figures/a_superclasses.{kind}" for kind in ("svg", "pdf", "png")),
    }
    assert set(differing(finished, Workplace(theirs.path("vision")), REPRODUCED)) == own
    pages = (theirs.path(f"vision/{RUN}/findings.md"), finished.path(f"{RUN}/findings.md"))
    said, other = (page.read_text().splitlines() for page in pages)
    assert [line for line in other if line not in said] == [line for line in other if "a_superclasses" in line]
    features = theirs.path(f"vision/{RUN}/features.csv")
    assert theirs.path("count.txt").read_text().split() == [str(len(features.read_text().splitlines()))]
    report = theirs.path(f"vision/{RUN}/report.html")
    assert report.stat().st_size > 0.9 * finished.path(f"{RUN}/report.html").stat().st_size
    assert "there is no provenance.json" in theirs.path(f"vision/{RUN}/index.html").read_text()
    crate = theirs.path(f"vision/{RUN}/ro-crate-metadata.json").read_text()
    assert '"workflow/Snakefile"' in crate
    assert "provenance.json" not in crate
    assert not theirs.path("results").exists()
    assert planned(theirs.snakemake("--dry-run", configfile="mine.yaml").output) == {}

    done = theirs.snakemake("--cores", "1", "--report", "all.html", configfile="mine.yaml")
    assert done.code == 0, done.output  # a report of theirs has the figures too


def test_checkpoints_of_the_other_workflow_are_found_where_it_has_them(theirs):
    theirs.path("net-001.pt").touch()
    theirs.path("mine.yaml").write_text(yaml.safe_dump({"strata": tiny({"model.checkpoints": ["net-{epoch}.pt"]})}))
    target = f"vision/{SEED}/checkpoints/epoch-001.pt"
    done = theirs.snakemake("--dry-run", "--logger", "strata", "--", target, configfile="mine.yaml")
    assert planned(done.output) == {"strata_index": 1, "strata_decode": 1, "strata_adopt": 1}
