//! Fetching from mirrors, and what happens when the cache itself is the problem.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;

use mtl_data::fetch::{Origin, Trust};
use mtl_data::{FetchError, Fetcher, Mirror};
use support::*;

/// A source that would be noticed if it were asked.
const NOWHERE: &str = "http://127.0.0.1:9/f";

fn mirrored(cache: &std::path::Path, mirror: &str, offline: bool, sha256: &str) -> Fetcher {
    let mut options = options(cache);
    options.mirror = Some(Mirror::from(mirror));
    options.offline = offline;
    Fetcher::with_catalog(options, catalog(&[(NOWHERE, sha256)]))
}

#[test]
fn a_folder_serves_plain_and_compressed_files_even_offline() {
    let body = table(ROWS, "");
    for (name, bytes) in [("set/f.csv", body.clone().into_bytes()), ("set/f.csv.gz", gzip(&body))] {
        let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(mirror.path(), name, bytes);
        let place = mirror.path().to_str().unwrap();
        let file = mirrored(cache.path(), place, true, &sha256(&body)).file("set", "f.csv").unwrap();
        assert_eq!(file.origin, Origin::Mirror(mirror.path().join(name).display().to_string()));
        assert_eq!((std::fs::read_to_string(&file.path).unwrap(), file.checksum), (body.clone(), Trust::Verified));
        assert_eq!(files_in(cache.path()), ["set/f.csv"]);
    }
}

#[test]
fn an_address_serves_plain_and_compressed_files() {
    let body = table(ROWS, "");
    for packed in [false, true] {
        let cache = tempfile::tempdir().unwrap();
        let sent = body.clone();
        let server = Server::start(move |_, call| match (call.path.as_str(), packed) {
            ("/m/set/f.csv", false) => Reply::ok(sent.clone()),
            ("/m/set/f.csv.gz", true) => Reply::ok(gzip(&sent)),
            _ => Reply::status(404),
        });
        let file = mirrored(cache.path(), &server.url("m/"), false, &sha256(&body)).file("set", "f.csv").unwrap();
        let ending = if packed { ".csv.gz" } else { ".csv" };
        assert!(matches!(&file.origin, Origin::Mirror(url) if url.ends_with(ending)), "{:?}", file.origin);
        assert_eq!(std::fs::read_to_string(&file.path).unwrap(), body);
        assert_eq!(server.calls().len(), 1 + usize::from(packed));
        assert_eq!(files_in(cache.path()), ["set/f.csv"]);
    }
}

#[test]
fn wrong_bytes_in_a_mirror_are_refused_and_the_source_is_asked() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (right, wrong) = (table(ROWS, ""), table(ROWS, ".0"));
    put(mirror.path(), "set/f.csv", &wrong);
    let place = mirror.path().to_str().unwrap();
    let error = mirrored(cache.path(), place, true, &sha256(&right)).file("set", "f.csv").unwrap_err().to_string();
    let sums = format!("wrong checksum: sha256 {}, expected sha256 {}", sha256(&wrong), sha256(&right));
    assert!(error.contains(&sums) && error.contains(place), "{error}");
    assert!(files_in(cache.path()).is_empty());
    assert_eq!(std::fs::read_to_string(mirror.path().join("set/f.csv")).unwrap(), wrong, "the mirror is not touched");

    let server = Server::serving(right.clone());
    let mut options = options(cache.path());
    options.mirror = Some(Mirror::Folder(mirror.path().into()));
    let fetcher = Fetcher::with_catalog(options, catalog(&[(&server.url("f"), &sha256(&right))]));
    assert_eq!(fetcher.file("set", "f.csv").unwrap().origin, Origin::Source(server.url("f")));
}

#[test]
fn broken_compression_is_named() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let body = table(ROWS, "");
    let packed = gzip(&body);
    put(mirror.path(), "set/f.csv.gz", &packed[..packed.len() / 2]);
    let place = mirror.path().to_str().unwrap();
    let error = mirrored(cache.path(), place, true, &sha256(&body)).file("set", "f.csv").unwrap_err().to_string();
    assert!(error.contains("cannot be decompressed: "), "{error}");
    assert!(files_in(cache.path()).is_empty());
}

#[test]
fn bytes_without_any_known_checksum_are_pinned() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(mirror.path(), "set/f.csv", table(ROWS, ""));
    let place = mirror.path().to_str().unwrap();
    let fetch = || mirrored(cache.path(), place, true, "unverified").file("set", "f.csv");
    assert_eq!(fetch().unwrap().checksum, Trust::Pinned);
    put(mirror.path(), "set/f.csv", table(ROWS, ".0"));
    assert_eq!(fetch().unwrap().origin, Origin::Cache, "the cached copy still has its pin");
    std::fs::remove_file(cache.path().join("set/f.csv")).unwrap();
    let error = fetch().unwrap_err().to_string();
    assert!(error.contains("changed: sha256") && error.contains("pinned on"), "{error}");
}

#[test]
fn offline_says_where_it_looked_and_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let mut options = options(cache.path());
    options.offline = true;
    let error = Fetcher::with_catalog(options, catalog(&[(NOWHERE, "unverified")])).file("set", "f.csv").unwrap_err();
    let place = cache.path().join("set/f.csv");
    assert_eq!(
        error.to_string(),
        format!(
            "no copy of `f.csv` for data set `set`\nlooked in\n  cache {}\n    not there\n  mirror\n    none given\n  \
             {NOWHERE}\n    not tried, offline\nto fetch it:            mtl datasets fetch set\n\
             from a folder or URL:   mtl datasets fetch set --mirror DIR",
            place.display()
        )
    );
    assert!(files_in(cache.path()).is_empty());
    let error = mirrored(cache.path(), "http://127.0.0.1:9/m", true, "unverified").file("set", "f.csv").unwrap_err();
    assert_eq!(error.to_string().matches("not tried, offline").count(), 2, "{error}");
}

#[test]
fn a_mirror_that_is_not_there_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let error = mirrored(cache.path(), "/no/such/mirror", true, "unverified").file("set", "f.csv").unwrap_err();
    assert!(error.to_string().contains("there is no folder /no/such/mirror"), "{error}");
    let mirror = tempfile::tempdir().unwrap();
    let place = mirror.path().to_str().unwrap();
    let error = mirrored(cache.path(), place, true, "unverified").file("set", "f.csv").unwrap_err();
    assert!(error.to_string().contains("not there, nor with .gz"), "{error}");
}

#[test]
fn a_dead_mirror_does_not_count_against_the_network() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::serving(table(ROWS, ""));
    let (dead, alive) = (closed("f"), server.url("f"));
    let mut options = options(cache.path());
    options.mirror = Some(Mirror::Url(closed("m")));
    let sources: &[(&str, &str)] = &[(&dead, "unverified"), (&alive, "unverified")];
    let file = Fetcher::with_catalog(options, catalog(sources)).file("set", "f.csv").unwrap();
    assert_eq!(file.origin, Origin::Source(alive));
}

#[test]
fn a_wrong_file_in_the_cache_is_replaced_but_never_used() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (right, wrong) = (table(ROWS, ""), table(ROWS, ".0"));
    put(cache.path(), "set/f.csv", &wrong);
    let place = mirror.path().to_str().unwrap();
    let fetcher = mirrored(cache.path(), place, true, &sha256(&right));
    let error = fetcher.file("set", "f.csv").unwrap_err().to_string();
    assert!(error.contains(&format!("wrong checksum: sha256 {}", sha256(&wrong))), "{error}");
    assert_eq!(std::fs::read_to_string(cache.path().join("set/f.csv")).unwrap(), wrong, "it may be someone's own");
    put(mirror.path(), "set/f.csv", &right);
    fetcher.file("set", "f.csv").unwrap();
    assert_eq!(std::fs::read_to_string(cache.path().join("set/f.csv")).unwrap(), right);
}

/// A folder below a regular file cannot be made, whoever the tests run as.
#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let cache = folder.path().join("file/cache");
    let mirror = tempfile::tempdir().unwrap();
    put(mirror.path(), "set/f.csv", table(ROWS, ""));
    let fetcher = mirrored(&cache, mirror.path().to_str().unwrap(), false, "unverified");
    let error = fetcher.file("set", "f.csv").unwrap_err();
    assert!(matches!(&error, FetchError::Cache { folder, .. } if *folder == cache), "{error:?}");
    let expected = format!("the cache folder {} cannot be used: making ", cache.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
}

/// With nothing but the cache to look at, it need not be writable.
#[test]
fn a_cache_that_is_only_read_is_left_alone() {
    let cache = tempfile::tempdir().unwrap();
    let body = table(ROWS, "");
    put(cache.path(), "set/f.csv", &body);
    let mut options = options(cache.path());
    options.offline = true;
    let fetcher = Fetcher::with_catalog(options, catalog(&[(NOWHERE, &sha256(&body))]));
    assert_eq!(fetcher.file("set", "f.csv").unwrap().origin, Origin::Cache);
    assert!(!cache.path().join(".lock").exists());
}

#[test]
fn damaged_pins_are_an_error_not_a_licence() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(mirror.path(), "set/f.csv", table(ROWS, ""));
    put(cache.path(), "lock.yaml", "set/f.csv: [");
    let fetcher = mirrored(cache.path(), mirror.path().to_str().unwrap(), true, "unverified");
    let error = fetcher.file("set", "f.csv").unwrap_err();
    assert!(matches!(&error, FetchError::Pins { path, .. } if *path == cache.path().join("lock.yaml")), "{error:?}");
    assert!(!cache.path().join("set/f.csv").exists());
}

#[test]
fn data_sets_can_share_a_folder() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let body = table(ROWS, "");
    put(mirror.path(), "set/f.csv", &body);
    let sum: usize = (0..ROWS).sum();
    let part = format!(
        "{}  folder: set\n  files:\n  - name: f.csv\n    format: csv\n    \
         sources: [{{url: '{NOWHERE}', sha256: {}}}]\n    \
         fingerprint: {{rows: {ROWS}, columns: 2, missing: 0, column_sums: [{sum}.0, {}.0]}}\n",
        entry("part"),
        sha256(&body),
        2 * sum
    );
    let mut options = options(cache.path());
    options.mirror = Some(Mirror::Folder(mirror.path().into()));
    let fetcher = Fetcher::with_catalog(options, Arc::new(mtl_data::Catalog::parse(&part).unwrap()));
    assert_eq!(fetcher.file("part", "f.csv").unwrap().path, cache.path().join("set/f.csv"));
}
