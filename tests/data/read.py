"""pandas and Polars read what a run writes: metrics.parquet and summary.csv against results.json, value by value.

    python tests/data/read.py DIRECTORY...

takes directories of results. Needs pandas, Polars and pyarrow.
"""

import json
import math
import sys
from pathlib import Path

import pandas
import polars

KEY = ["variant", "scope", "name", "metric", "replication"]
COLUMNS = ["variant", "scope", "name", "metric", "unit", "replication", "value"]
# The scopes of metrics.parquet, and where results.json holds them.
SCOPES = {
    "by_quota": "quota",
    "by_s3_request_rate": "s3_request_rate",
    "by_workload": "workload",
    "by_bucket": "bucket",
    "by_key": "key",
    "by_group": "group",
    "by_requester": "requester",
    "by_operation": "operation",
    "by_kms_operation": "kms_operation",
    "by_statement": "statement",
    "by_trail": "trail",
}


def parts(results):
    """Each part of each variant: its variant, scope and name, and its metrics."""
    for variant in results["variants"]:
        yield variant["name"], "variant", variant["name"], variant["metrics"]
        for field, scope in SCOPES.items():
            for name, part in variant.get(field, {}).items():
                # A limit has its own figures beside its metrics.
                metrics = {id: e for id, e in part.items() if isinstance(e, dict) and "values" in e}
                yield variant["name"], scope, name, metrics


def same(a, b):
    """Whether two values are equal; a missing one equals a missing one."""
    missing = [v is None or (isinstance(v, float) and math.isnan(v)) for v in (a, b)]
    return all(missing) if any(missing) else a == b


def check_metrics(directory, results):
    """metrics.parquet has each metric of each part in each replication, once, with the value of results.json."""
    path = directory / "metrics.parquet"
    by_pandas, by_polars = pandas.read_parquet(path), polars.read_parquet(path)
    assert list(by_pandas.columns) == by_polars.columns == COLUMNS, by_polars.columns
    assert not by_pandas.duplicated(KEY).any(), "a key has two rows"
    assert by_polars.unique(KEY).height == by_polars.height == len(by_pandas)
    expected = {}
    for variant, scope, name, metrics in parts(results):
        for metric, estimate in metrics.items():
            for i, value in enumerate(estimate["values"]):
                expected[variant, scope, name, metric, i + 1] = (value, estimate["unit"])
    assert len(expected) == len(by_pandas), (len(expected), len(by_pandas))
    for frame in (by_pandas, by_polars.to_pandas()):
        for row in frame.itertuples(index=False):
            value, unit = expected[row.variant, row.scope, row.name, row.metric, row.replication]
            assert same(row.value, value) and row.unit == unit, (row, value, unit)
    # What the table is for: a question over all variants in one expression.
    first = by_polars.filter(polars.col("scope") == "variant", polars.col("metric") == "kms_attempts")
    means = dict(first.group_by("variant").agg(polars.col("value").mean()).iter_rows())
    for variant in results["variants"]:
        mean = variant["metrics"]["kms_attempts"]["mean"]
        assert math.isclose(means[variant["name"]], mean, rel_tol=1e-12, abs_tol=0.0), variant["name"]
    return len(expected)


def check_summary(directory, results):
    """summary.csv has each metric of each variant and of each of its workloads."""
    path = directory / "summary.csv"
    by_pandas, by_polars = pandas.read_csv(path), polars.read_csv(path, infer_schema_length=None)
    assert list(by_pandas.columns) == by_polars.columns, by_polars.columns
    expected = {}
    for variant, scope, name, metrics in parts(results):
        if scope in ("variant", "workload"):
            for metric, estimate in metrics.items():
                expected[variant, name if scope == "workload" else None, metric] = estimate
    assert len(by_pandas) == by_polars.height == len(expected), (len(by_pandas), len(expected))
    for frame in (by_pandas.to_dict("records"), by_polars.to_dicts()):
        for row in frame:
            workload = None if row["workload"] is None or row["workload"] != row["workload"] else str(row["workload"])
            estimate = expected[str(row["variant"]), workload, row["metric"]]
            for column in ("mean", "ci_low", "ci_high"):
                assert same(row[column], estimate.get(column)), (row, estimate)
            assert row["unit"] == estimate["unit"] or str(row["unit"]) == estimate["unit"], row
    return len(expected)


def main():
    """Checks each directory; an assertion that fails ends with status 1."""
    directories = [Path(text) for text in sys.argv[1:]]
    assert directories, __doc__
    for directory in directories:
        results = json.loads((directory / "results.json").read_text(encoding="utf-8"))
        metrics, summary = check_metrics(directory, results), check_summary(directory, results)
        print(f"{directory.name}: {metrics} values of metrics.parquet and {summary} rows of summary.csv read alike")


main()
