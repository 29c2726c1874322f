"""Real tables from packages, whose sources and licences are in tables/README.md: what is made of them, end to end."""

import csv
import gzip
import io
import random
from pathlib import Path

import pytest

from nn import read_csv
from nn.data.columns import examples
from nn.data.csv_reader import read_table
from tests.nn.app.running import output, run

FOLDER = Path(__file__).parent / "tables"
TABLES = [  # the target, how many examples there are, how many inputs, and which columns are left out
    ("danish.csv", "ide", 55, 4, {"period"}),
    ("elnino.csv", "DEC", 61, 12, set()),
    ("global-temp.csv", "temp", 144, 1, set()),
    ("iowa-electricity.csv", "net_generation", 51, 3, {"year"}),
    ("longley.csv", "TOTEMP", 16, 6, {"Obs"}),
    ("nile.csv", "volume", 100, 1, set()),
    ("penguins.csv", "species", 344, 15, set()),
    ("penguins.csv", "sex", 333, 11, set()),
    ("penguins.csv", "body_mass_g", 342, 13, set()),
    ("population_engineers_hurricanes.csv", "hurricanes", 52, 3, {"state"}),
    ("stackloss.csv", "STACKLOSS", 21, 3, set()),
    ("statecrime.csv", "violent", 51, 6, {"state"}),
    ("strikes.csv", "duration", 62, 1, set()),
    ("sunspots.csv", "SUNACTIVITY", 309, 1, set()),
]


def test_every_table_has_its_row_in_the_list_of_sources():
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    listed = [line.split("|")[1].strip() for line in lines if ".csv" in line]
    assert listed == sorted(path.name for path in FOLDER.glob("*.csv"))
    assert set(listed) == {name for name, *_ in TABLES}


@pytest.mark.parametrize(("name", "target", "rows", "inputs", "left_out"), TABLES)
def test_real_table_is_read_and_each_column_accounted_for(name, target, rows, inputs, left_out):
    data = read_csv(FOLDER / name, target)
    assert (len(data.X), len(data.y)) == (rows, rows)
    assert {len(x) for x in data.X} == {len(data.features)} == {inputs}
    said = dict(examples(read_table(FOLDER / name, [target]), target).lines)
    with (FOLDER / name).open(encoding="utf-8-sig", newline="") as file:
        assert list(said) == [cell.strip() for cell in next(csv.reader(file))]
    assert {column for column, what in said.items() if what.startswith("left out")} == left_out


def shuffled(path, to, seed):
    """Write the same rows with the columns in another order and two more of them, semicolons between, packed."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, skipinitialspace=True))
    order = list(range(len(rows[0])))
    random.Random(seed).shuffle(order)
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=";")
    for i, row in enumerate(rows):
        writer.writerow([i - 1 if i else "", *(row[k] for k in order), "remark; of nobody" if i else "remark"])
    to.write_bytes(gzip.compress(stream.getvalue().encode("utf-8")))
    return to


@pytest.mark.sample(3)
@pytest.mark.parametrize(("name", "target"), [(name, target) for name, target, *_ in TABLES])
def test_real_table_is_learned_and_predicted_the_same_however_it_is_written(name, target, tmp_path):
    table, model = FOLDER / name, tmp_path / "model.json"
    options = ["--epochs", 3, "--no-pictures", "--save", model, "--out", tmp_path]
    assert "held out: loss" in output(table, "--target", target, *options)
    code, answers, error = run("predict", model, table)
    assert code == 0
    with table.open(encoding="utf-8-sig") as file:
        assert answers.count("\n") == sum(1 for line in file if line.strip())
    for seed in range(2):
        again = shuffled(table, tmp_path / f"{seed}.csv.gz", seed)
        assert run("predict", model, again) == (0, answers, error.replace(str(table), str(again)))
