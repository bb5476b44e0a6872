# Short names for what people type; every recipe is one call, so nothing depends on just.

# Regenerate a paper: data, runs, tables, figures, verdicts
replicate paper *options:
    cargo run --release -- replicate {{paper}} {{options}}

# The tests
test:
    cargo test --release --workspace

# Format, lints and documentation, as CI checks them
check:
    cargo fmt --all --check && cargo clippy --release --workspace --all-targets -- -D warnings && RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps

# Our solvers against numpy and scikit-learn on this machine
bench:
    python3 benches/peers/run.py

# Figures of a paper from stored results
figures paper *options:
    cargo run --release -- report {{paper}} {{options}}

# Report of a paper from stored results
report paper *options:
    cargo run --release -- report {{paper}} {{options}}

# Attack a reader (csv, mat, yaml, ..: the folders of crates/fuzz/corpus) with damaged files
fuzz reader minutes="10":
    MTL_FUZZ_MINUTES={{minutes}} cargo test --release --workspace --test readers -- --exact --nocapture {{reader}}

# An archive to build from without a network; --data adds the data in the cache, --check builds from it
dist *options:
    .ci/dist {{options}}
