//! Every reader, attacked for two seconds, or for `MTL_FUZZ_MINUTES`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it tried")]

use std::path::Path;
use std::time::Duration;

use mtl_fuzz::{READERS, hunt};

fn attack(name: &str) {
    let minutes = std::env::var("MTL_FUZZ_MINUTES").map(|minutes| minutes.parse::<f64>().unwrap());
    let time = minutes.map_or(Duration::from_secs(2), |minutes| Duration::from_secs_f64(60.0 * minutes));
    let seed = std::env::var("MTL_FUZZ_SEED").map_or(0, |seed| seed.parse().unwrap());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(std::process::id().to_string());
    let reader = READERS.iter().find(|reader| reader.name == name).unwrap();
    match hunt(reader, time, seed, &folder).unwrap() {
        Ok(tally) => {
            println!("{name}: {tally:?}");
            // A corpus that no longer fits the reader, or answers that are all alike, would find nothing.
            assert!(tally.good > 0 && tally.answers > 4, "{tally:?}");
        }
        Err(found) => panic!("{name}: {}; the file is {}", found.what, found.file.display()),
    }
}

macro_rules! attacked {
    ($($reader:ident),* $(,)?) => {
        $(#[test] fn $reader() { attack(stringify!($reader)); })*

        #[test]
        fn no_reader_is_forgotten() {
            assert_eq!(READERS.iter().map(|reader| reader.name).collect::<Vec<_>>(), [$(stringify!($reader)),*]);
        }
    };
}

attacked!(csv, long_csv, arff, npy, idx, text, tsv, mat, zip, yaml);
