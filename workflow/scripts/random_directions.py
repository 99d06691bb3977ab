"""Draw random directions in place of one seed's last features."""

from strata import dictionary
from strata.errors import one_line

with one_line():
    dictionary.write_random_directions(snakemake.input[0], snakemake.params.seed, snakemake.output[0])
