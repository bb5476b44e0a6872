"""What the harness itself costs: planning, storing and merging beside the fits.

    cargo build --release
    python3 benches/overhead.py [--paper srml] [--profile quick] [--jobs 2]

Three commands are timed on a store of their own: the run, the same run again when every cell is
stored (planning, looking up), and a merge into an empty store (reading, checking and writing every record and array to the
disk, as the run does). The last two are the overhead. Nothing else should run meanwhile.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def seconds(*command):
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paper", default="srml", help="the one with most cells a minute is the hardest [default: srml]")
    parser.add_argument("--profile", default="quick", help="[default: quick]")
    parser.add_argument("--jobs", default="2", help="[default: 2]")
    parser.add_argument("--mtl", default=ROOT / "target/release/mtl", help="the program [default: target/release/mtl]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        one, two = f"{folder}/one", f"{folder}/two"
        run = [options.mtl, "run", options.paper, "--profile", options.profile, "--jobs", options.jobs, "--store", one]
        first, again = seconds(*run), seconds(*run)
        merged = seconds(options.mtl, "merge", one, "--into", two)
        cells = sum(1 for _ in Path(one, "records").glob("*/*.jsonl"))
    print(f"{options.paper}, {options.profile}, {options.jobs} threads: {cells} cells in {first:.1f} s")
    print(f"  planning, with every cell stored  {again:7.2f} s  {again / first:6.2%}")
    print(f"  reading and storing all of them   {merged:7.2f} s  {merged / first:6.2%}  {1e3 * merged / cells:.2f} ms a cell")
    print(f"  together                          {again + merged:7.2f} s  {(again + merged) / first:6.2%}")


if __name__ == "__main__":
    main()
