"""Benchmark of the stream engine against hand-written DuckDB SQL, in the same run on the same files.

Every contender runs in a process of its own; contenders take turns, and medians are compared. Ratios are to be trusted,
seconds belong to this machine. `--events` and `--repeats` set the size, `--more 10` adds ten times the events.
"""

# ruff: noqa: S608 - the SQL is this file's own
from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# This file has the package's own name; its folder must not be searched first.
sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
files = 16
# What each case may cost, as a multiple of the hand-written SQL.
limits = {"tumbling": 1.5, "hopping": 3.0, "session": 3.0, "lag": 3.0, "join": 3.0}
queries = {
    "tumbling": """
        SELECT System.Timestamp() AS ends, device, COUNT(*) AS n, AVG(value) AS mean, CAST(MIN(value) AS float) AS low,
               CAST(MAX(value) AS float) AS high, STDEV(value) AS deviation
        INTO result FROM events TIMESTAMP BY ts GROUP BY device, TumblingWindow(minute, 5)""",
    "hopping": """
        SELECT System.Timestamp() AS ends, device, COUNT(*) AS n, AVG(value) AS mean, STDEV(value) AS deviation
        INTO result FROM events TIMESTAMP BY ts GROUP BY device, HoppingWindow(minute, 10, 5)""",
    "session": """
        WITH sessions AS (
            SELECT device, COUNT(*) AS n, AVG(value) AS mean FROM events TIMESTAMP BY ts
            GROUP BY device, SessionWindow(second, 6, 3600) OVER (PARTITION BY device)
        )
        SELECT System.Timestamp() AS ends, device, COUNT(*) AS n, AVG(n) AS size, AVG(mean) AS mean
        INTO result FROM sessions GROUP BY device, TumblingWindow(minute, 5)""",
    "lag": """
        WITH steps AS (
            SELECT device, TRY_CAST(value AS float) - LAG(TRY_CAST(value AS float))
                OVER (PARTITION BY device LIMIT DURATION(minute, 1)) AS step
            FROM events TIMESTAMP BY ts
        )
        SELECT System.Timestamp() AS ends, device, AVG(step) AS mean
        INTO result FROM steps GROUP BY device, TumblingWindow(minute, 5)""",
    "join": """
        WITH pairs AS (
            SELECT a.device AS device, CAST(b.value AS float) - CAST(a.value AS float) AS step
            FROM events a TIMESTAMP BY ts JOIN events b TIMESTAMP BY ts
            ON a.device = b.device AND a.id <> b.id AND DATEDIFF(second, a, b) BETWEEN 0 AND 10
        )
        SELECT System.Timestamp() AS ends, device, COUNT(*) AS n, AVG(step) AS mean
        INTO result FROM pairs GROUP BY device, TumblingWindow(minute, 5)""",
}
_end = "time_bucket(INTERVAL 5 minutes, ts - INTERVAL 1 microsecond) + INTERVAL 5 minutes"
by_hand = {
    "tumbling": f"""
        SELECT {_end} AS ends, device, count(*) AS n, avg(value) AS mean, min(value) AS low, max(value) AS high,
               stddev_samp(value) AS deviation FROM events GROUP BY ALL""",
    "hopping": f"""
        SELECT ends, device, count(*) AS n, avg(value) AS mean, stddev_samp(value) AS deviation FROM (
            SELECT unnest([{_end}, {_end} + INTERVAL 5 minutes]) AS ends, device, value FROM events) GROUP BY ALL""",
    "session": f"""
        WITH gaps AS (SELECT *, ts - lag(ts) OVER (PARTITION BY device ORDER BY ts) AS gap FROM events),
        numbered AS (SELECT *, sum((gap IS NULL OR gap > INTERVAL 6 seconds)::INT)
            OVER (PARTITION BY device ORDER BY ts ROWS UNBOUNDED PRECEDING) AS session FROM gaps),
        sessions AS (SELECT device, max(ts) + INTERVAL 6 seconds AS ts, count(*) AS n, avg(value) AS mean
            FROM numbered GROUP BY device, session)
        SELECT {_end} AS ends, device, count(*) AS n, avg(n) AS size, avg(mean) AS mean FROM sessions GROUP BY ALL""",
    "lag": f"""
        WITH steps AS (SELECT device, ts, CASE WHEN ts - lag(ts) OVER w < INTERVAL 1 minute
            THEN value - lag(value) OVER w END AS step FROM events WINDOW w AS (PARTITION BY device ORDER BY ts))
        SELECT {_end} AS ends, device, avg(step) AS mean FROM steps GROUP BY ALL""",
    "join": f"""
        WITH a AS (SELECT *, epoch_us(ts) // 10000000 AS bucket FROM events),
        b AS (SELECT *, unnest([epoch_us(ts) // 10000000, epoch_us(ts) // 10000000 - 1]) AS bucket FROM events),
        pairs AS (SELECT a.device, b.ts, b.value - a.value AS step FROM a JOIN b ON a.device = b.device
            AND a.bucket = b.bucket AND a.id <> b.id AND b.ts BETWEEN a.ts AND a.ts + INTERVAL 10 seconds)
        SELECT {_end} AS ends, device, count(*) AS n, avg(step) AS mean FROM pairs GROUP BY ALL""",
}


def generate(folder: Path, events: int) -> None:
    """Events of 1,000 devices over seven hours, 1 % of them up to two minutes late, as JSON lines in 16 files."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    each = events // files
    with duckdb.connect() as connection:
        for number in range(files):
            connection.execute(f"""
                COPY (SELECT i AS id, 'device-' || lpad((hash(i * 7) % 1000)::VARCHAR, 4, '0') AS device,
                    strftime(make_timestamp(1767225600000000 + (i * 25200000000 / {events})::BIGINT
                        - CASE WHEN hash(i) % 100 = 0 THEN (hash(i * 3) % 120000000)::BIGINT ELSE 0 END),
                        '%Y-%m-%dT%H:%M:%S.%fZ') AS ts,
                    20 + (hash(i * 11) % 10000) / 1000.0 + 0.0005 AS value
                FROM range({number * each}, {(number + 1) * each}) t(i))
                TO '{folder}/{number:02d}.jsonl' (FORMAT json)""")


def measure(case: str, who: str, data: Path, output: Path) -> dict[str, float]:
    """One contender's run in this process: wall and processor seconds of the work, peak memory in MB, rows."""
    output.mkdir(parents=True, exist_ok=True)
    paths = sorted(data.glob("*.jsonl"))
    start, cpu = time.perf_counter(), time.process_time()
    if who == "ours":
        from stream_engine.files import run_files

        query = output / f"{case}.asaql"
        query.write_text(queries[case])
        result = run_files(query, {"events": paths}, output)
        rows = len(result.outputs["result"])
    else:
        import duckdb

        with duckdb.connect() as connection:
            connection.execute(f"SET memory_limit = '{'2GB' if case == 'join' else '160MB'}'")
            connection.execute(f"SET temp_directory = '{output}'")
            connection.execute("SET preserve_insertion_order = false")
            columns = "{id: 'BIGINT', device: 'VARCHAR', ts: 'TIMESTAMP', value: 'DOUBLE'}"
            read = f"read_json('{data}/*.jsonl', format='newline_delimited', columns={columns})"
            text = f"WITH events AS (SELECT * FROM {read}) SELECT * FROM ({by_hand[case]}) ORDER BY ends, device"
            found = connection.execute(f"COPY ({text}) TO '{output}/hand.jsonl' (FORMAT json)").fetchone()
            rows = found[0] if found is not None else 0
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu": cpu, "memory": peak, "rows": rows}


def contest(case: str, data: Path, repeats: int, work: Path) -> dict[str, dict[str, float]]:
    """Medians of both contenders, each run in a fresh process, in turns."""
    runs: dict[str, list[dict[str, float]]] = {"hand": [], "ours": []}
    for _ in range(repeats):
        for who, found in runs.items():
            command = [sys.executable, __file__, "--one", case, who, str(data), str(work / who)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found.append(json.loads(done.stdout))
    return {
        who: {name: statistics.median(each[name] for each in found) for name in found[0]} for who, found in runs.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--more", type=int, default=0, metavar="N", help="aggregate N times the events too")
    parser.add_argument("--case", choices=tuple(queries), action="append")
    parser.add_argument("--one", nargs=4, metavar=("CASE", "WHO", "DATA", "OUTPUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        case, who, data, output = options.one
        print(json.dumps(measure(case, who, Path(data), Path(output))))
        return 0
    with tempfile.TemporaryDirectory(prefix="stream-engine-bench-") as folder:
        return _report(options, Path(folder))


def _report(options: argparse.Namespace, work: Path) -> int:
    print(f"{options.events:,} events of 1,000 devices, {options.repeats} runs each; medians")
    generate(work / "events", options.events)
    failed = False
    print("case      ours s  hand s  ratio  (cpu)  limit   events/s  ours MB  hand MB   rows")
    for case in options.case or queries:
        found = contest(case, work / "events", options.repeats, work)
        ours, hand = found["ours"], found["hand"]
        ratio, cpu = ours["seconds"] / hand["seconds"], ours["cpu"] / hand["cpu"]
        # On a busy machine the seconds are noise, and the processor's seconds are not.
        slow, wrong = min(ratio, cpu) > limits[case], ours["rows"] != hand["rows"]
        failed |= slow or wrong
        print(
            f"{case:9s} {ours['seconds']:6.2f}  {hand['seconds']:6.2f}  {ratio:5.2f}  {cpu:5.2f}  {limits[case]:5.1f}"
            f"  {options.events / ours['seconds']:9,.0f}  {ours['memory']:7.0f}  {hand['memory']:7.0f}"
            f"  {ours['rows']:,.0f}"
            + ("  TOO SLOW" if slow else "")
            + (f"  ROWS DIFFER: {hand['rows']:,.0f} by hand" if wrong else ""),
            flush=True,
        )
    if options.more:
        generate(work / "more", options.events * options.more)
        found = contest("tumbling", work / "more", 1, work)
        ours = found["ours"]
        print(f"{options.events * options.more:,} events: {ours['seconds']:.1f} s, {ours['memory']:.0f} MB")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
