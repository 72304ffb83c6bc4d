"""Opens the files that the example `table` writes (with the feature parquet) in other programs and compares them.

    python tables_check.py FOLDER

Needs astropy and pandas; with polars, pyarrow and dask[dataframe] it opens the Parquet file too.
"""

import csv
import sys
from pathlib import Path

import pandas
from astropy.table import Table

folder = Path(sys.argv[1])
with open(folder / "table.csv", newline="") as file:
    rows = list(csv.DictReader(file))
names = list(rows[0])
kinds = [row["kind"] for row in rows]
numbers = {name: [float(row[name]) for row in rows] for name in names[1:]}
opened = []


def same(program, found_names, column):
    assert list(found_names) == names, f"{program}: {found_names}"
    assert [str(kind) for kind in column("kind")] == kinds, f"{program}: {list(column('kind'))}"
    for name, expected in numbers.items():
        assert [float(value) for value in column(name)] == expected, f"{program}: {name}"
    opened.append(program)


fits = Table.read(folder / "table.fits", hdu=1)
same("astropy", fits.colnames, lambda name: [getattr(v, "decode", lambda: v)() for v in fits[name]])
assert str(fits["flux_sum"].unit) == "Jy", fits["flux_sum"].unit
assert fits.meta["EXTNAME"] == "KINDS", fits.meta
frame = pandas.read_csv(folder / "table.csv")
same("pandas, CSV", frame.columns, lambda name: frame[name])

parquet = folder / "table.parquet"
if parquet.exists():
    import dask.dataframe
    import polars

    frame = pandas.read_parquet(parquet)
    same("pandas, Parquet", frame.columns, lambda name: frame[name])
    polar = polars.read_parquet(parquet)
    same("polars", polar.columns, lambda name: polar[name].to_list())
    # threads that still run when the interpreter ends have aborted it once, after all checks
    lazy = dask.dataframe.read_parquet(parquet).compute(scheduler="synchronous")
    same("dask.dataframe", lazy.columns, lambda name: lazy[name])
print("tables: opened alike by " + ", ".join(opened))
