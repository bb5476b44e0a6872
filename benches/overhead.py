"""What the harness itself costs: planning, storing and merging beside the fits.

    cargo build --release
    python3 benches/overhead.py [--paper srml] [--profile quick] [--jobs 2]

Three commands are timed on a store of their own: planning (`--list`), the run, and a merge of its results into an empty store,
which writes every record and array as the run does, and reads and checks them before. The processor's time of the first and
the last is the overhead. What the run waits for, the disk among it, shows as time in which its threads were idle;
the tail of a run, when fewer cells are left than threads, is in there too. Nothing else should run meanwhile.
"""

import argparse
import resource
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def seconds(*command):
    """Seconds of the clock and of the processor."""
    used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    started, before = time.perf_counter(), used()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started, used() - before


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paper", default="srml", help="the one with most cells a minute is the hardest [default: srml]")
    parser.add_argument("--profile", default="quick", help="[default: quick]")
    parser.add_argument("--jobs", default="2", help="[default: 2]")
    parser.add_argument("--mtl", default=ROOT / "target/release/mtl", help="the program [default: target/release/mtl]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        one, two = f"{folder}/one", f"{folder}/two"
        what = [options.paper, "--profile", options.profile, "--store", one]
        _, planned = seconds(options.mtl, "replicate", *what, "--list")
        clock, ran = seconds(options.mtl, "run", *what, "--jobs", options.jobs)
        _, merged = seconds(options.mtl, "merge", one, "--into", two)
        cells = sum(1 for _ in Path(one, "records").glob("*/*.jsonl"))
    share = lambda spent: f"{spent:7.2f} s  {spent / ran:6.2%}"
    print(f"{options.paper}, {options.profile}: {cells} cells in {clock:.1f} s, {ran:.1f} s of {options.jobs} threads")
    print(f"  planning             {share(planned)}")
    print(f"  storing and merging  {share(merged)}  {1e3 * merged / cells:.2f} ms a cell")
    print(f"  together             {share(planned + merged)}")
    print(f"  threads idle in the run         {1 - ran / (int(options.jobs) * clock):6.2%}")


if __name__ == "__main__":
    main()
