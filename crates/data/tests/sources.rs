//! Fetching from sources: a server on this machine that behaves well, badly, slowly, or not at all.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mtl_data::fetch::{Origin, Trust};
use mtl_data::{Fetcher, Progress};
use support::*;

const UNVERIFIED: &str = "unverified";

#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Progress for Recorder {
    fn start(&self, file: &str, total: Option<u64>) {
        self.0.lock().unwrap().push(format!("start {file} {total:?}"));
    }
    fn advance(&self, bytes: u64) {
        self.0.lock().unwrap().push(bytes.to_string());
    }
    fn finish(&self) {
        self.0.lock().unwrap().push("finish".into());
    }
}

#[test]
fn a_good_file_is_fetched_once() {
    let cache = tempfile::tempdir().unwrap();
    let body = table(ROWS, "");
    let server = Server::serving(body.clone());
    let url = server.url("f");
    let progress = Arc::new(Recorder::default());
    let mut options = options(cache.path());
    options.progress = Arc::clone(&progress) as Arc<dyn Progress>;
    let fetcher = Fetcher::with_catalog(options, catalog(&[(&url, &sha256(&body))]));
    assert!(!fetcher.is_cached("set").unwrap());

    let file = fetcher.file("set", "f.csv").unwrap();
    assert_eq!((file.origin, file.checksum), (Origin::Source(url), Trust::Verified));
    assert_eq!(file.path, cache.path().join("set/f.csv"));
    assert_eq!(std::fs::read_to_string(&file.path).unwrap(), body);
    assert_eq!(files_in(cache.path()), ["set/f.csv"], "nothing else is left behind");

    let again = fetcher.dataset("set").unwrap();
    assert_eq!((again.len(), &again[0].origin, again[0].checksum), (1, &Origin::Cache, Trust::Verified));
    assert_eq!(server.calls().len(), 1);
    assert!(fetcher.is_cached("set").unwrap());

    let told = progress.0.lock().unwrap().clone();
    assert_eq!(told.first(), Some(&format!("start f.csv {:?}", Some(body.len()))));
    assert_eq!(told.last(), Some(&"finish".to_string()));
    let advanced: usize = told[1..told.len() - 1].iter().map(|n| n.parse::<usize>().unwrap()).sum();
    assert_eq!(advanced, body.len());
}

#[test]
fn unknown_names_are_refused_without_a_search() {
    let cache = tempfile::tempdir().unwrap();
    let fetcher = fetcher(cache.path(), &catalog(&[("http://127.0.0.1:9/f", UNVERIFIED)]));
    let error = fetcher.file("set", "f.cvs").unwrap_err().to_string();
    assert_eq!(error, "data set `set` has no file `f.cvs`; did you mean `f.csv`?\nfiles: `f.csv`");
    assert!(fetcher.file("sett", "f.csv").unwrap_err().to_string().contains("did you mean `set`?"));
    assert!(files_in(cache.path()).is_empty());
}

#[test]
fn a_truncated_body_is_resumed() {
    let cache = tempfile::tempdir().unwrap();
    let body = table(ROWS, "").into_bytes();
    let half = body.len() / 2;
    let (sum, sent) = (sha256(&body), body.clone());
    let server = Server::start(move |before, call| {
        let reply = Reply::ranged(&sent, call).header("ETag", "\"v1\"");
        if before % 2 == 0 { reply.cut(half) } else { reply }
    });
    // No checksum: the tag alone makes the two halves one file.
    for known in [&sum, UNVERIFIED] {
        let cache = cache.path().join(known);
        let fetcher = fetcher(&cache, &catalog(&[(&server.url("f"), known)]));
        let file = fetcher.file("set", "f.csv").unwrap();
        assert_eq!(std::fs::read(&file.path).unwrap(), body);
        assert_eq!(file.checksum == Trust::Verified, known == sum);
    }
    let calls = server.calls();
    assert_eq!(calls.len(), 4);
    for pair in calls.chunks(2) {
        assert_eq!(pair[0].range, None);
        assert_eq!((&pair[1].range, &pair[1].if_range), (&Some(format!("bytes={half}-")), &Some("\"v1\"".into())));
    }
}

#[test]
fn an_unmarked_half_is_resumed_only_under_a_checksum() {
    let body = table(ROWS, "").into_bytes();
    let half = body.len() / 2;
    for (known, expected) in [(sha256(&body).as_str(), Some(format!("bytes={half}-"))), (UNVERIFIED, None)] {
        let cache = tempfile::tempdir().unwrap();
        let sent = body.clone();
        let server = Server::start(move |before, call| {
            let reply = Reply::ranged(&sent, call);
            if before == 0 { reply.cut(half) } else { reply }
        });
        let fetcher = fetcher(cache.path(), &catalog(&[(&server.url("f"), known)]));
        assert_eq!(std::fs::read(fetcher.file("set", "f.csv").unwrap().path).unwrap(), body);
        assert_eq!(server.calls()[1].range, expected);
    }
}

#[test]
fn an_interrupted_download_is_continued_by_the_next_run() {
    let cache = tempfile::tempdir().unwrap();
    let body = table(ROWS, "").into_bytes();
    let (sum, sent, third) = (sha256(&body), body.clone(), body.len() / 3);
    let server = Server::start(move |before, call| {
        let reply = Reply::ranged(&sent, call);
        if before == 0 { reply.cut(third) } else { reply }
    });
    let catalog = catalog(&[(&server.url("f"), &sum)]);
    let mut once = options(cache.path());
    once.patience.tries = 1;
    let error = Fetcher::with_catalog(once, Arc::clone(&catalog)).file("set", "f.csv").unwrap_err().to_string();
    assert!(error.contains("broke off: "), "{error}");
    assert!(!cache.path().join("set/f.csv").exists(), "half a file never has the final name");

    let file = fetcher(cache.path(), &catalog).file("set", "f.csv").unwrap();
    assert_eq!(std::fs::read(&file.path).unwrap(), body);
    assert_eq!(server.calls()[1].range, Some(format!("bytes={third}-")));
    assert_eq!(files_in(cache.path()), ["set/f.csv"]);
}

#[test]
fn halves_of_different_files_are_thrown_away() {
    let cache = tempfile::tempdir().unwrap();
    let (old, new) = (table(ROWS, ".0"), table(ROWS, ""));
    let (sum, sent) = (sha256(&new), new.clone());
    let server = Server::start(move |before, call| match before {
        0 => Reply::ok(old.clone()).cut(1000),
        _ => Reply::ranged(sent.as_bytes(), call),
    });
    let file = fetcher(cache.path(), &catalog(&[(&server.url("f"), &sum)])).file("set", "f.csv").unwrap();
    assert_eq!(std::fs::read_to_string(&file.path).unwrap(), new);
    let ranges: Vec<bool> = server.calls().iter().map(|c| c.range.is_some()).collect();
    assert_eq!(ranges, [false, true, false]);
}

#[test]
fn a_server_that_will_not_continue_is_asked_from_the_start() {
    let body = table(ROWS, "");
    for refusal in [416, 200] {
        let cache = tempfile::tempdir().unwrap();
        let (sum, sent) = (sha256(&body), body.clone());
        let server = Server::start(move |before, call| match (before, &call.range) {
            (0, _) => Reply::ok(sent.clone()).cut(1000),
            (_, Some(_)) if refusal == 416 => Reply::status(416),
            _ => Reply::ok(sent.clone()),
        });
        let file = fetcher(cache.path(), &catalog(&[(&server.url("f"), &sum)])).file("set", "f.csv").unwrap();
        assert_eq!(std::fs::read_to_string(&file.path).unwrap(), body);
    }
}

#[test]
fn a_wrong_checksum_names_both_sums_and_leads_to_the_next_source() {
    let cache = tempfile::tempdir().unwrap();
    let (wrong, right) = (table(ROWS, ".0"), table(ROWS, ""));
    let (bad, good) = (Server::serving(wrong.clone()), Server::serving(right.clone()));
    let (bad_url, good_url) = (bad.url("f"), good.url("f"));

    let alone = fetcher(cache.path(), &catalog(&[(&bad_url, &sha256(&right))]));
    let error = alone.file("set", "f.csv").unwrap_err().to_string();
    let sums = format!("wrong checksum: sha256 {}, expected sha256 {}", sha256(&wrong), sha256(&right));
    assert!(error.contains(&sums), "{error}");
    assert!(error.contains("mtl datasets fetch set --mirror DIR"), "{error}");
    assert!(files_in(cache.path()).is_empty(), "the wrong bytes are deleted");

    let sources = [(bad_url.as_str(), &*sha256(&right)), (good_url.as_str(), &*sha256(&right))];
    let file = fetcher(cache.path(), &catalog(&sources)).file("set", "f.csv").unwrap();
    assert_eq!(file.origin, Origin::Source(good_url));
    assert_eq!(bad.calls().len(), 2, "wrong bytes that came in one piece are not asked for again");
}

#[test]
fn a_missing_file_is_not_asked_for_twice() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Reply::status(404));
    let error = fetcher(cache.path(), &catalog(&[(&server.url("f"), UNVERIFIED)])).file("set", "f.csv").unwrap_err();
    assert!(error.to_string().contains("HTTP 404"), "{error}");
    assert_eq!(server.calls().len(), 1);
}

#[test]
fn a_busy_server_is_asked_again_three_times_at_most() {
    let cache = tempfile::tempdir().unwrap();
    let body = table(ROWS, "");
    let (sum, sent) = (sha256(&body), body.clone());
    let server = Server::start(move |before, _| if before == 0 { Reply::status(500) } else { Reply::ok(sent.clone()) });
    let file = fetcher(cache.path(), &catalog(&[(&server.url("f"), &sum)])).file("set", "f.csv").unwrap();
    assert_eq!((std::fs::read_to_string(file.path).unwrap(), server.calls().len()), (body, 2));

    let cache = tempfile::tempdir().unwrap();
    let busy = Server::start(|_, _| Reply::status(503));
    let error = fetcher(cache.path(), &catalog(&[(&busy.url("f"), &sum)])).file("set", "f.csv").unwrap_err();
    assert!(error.to_string().contains("HTTP 503") && error.to_string().contains("3 tries"), "{error}");
    assert_eq!(busy.calls().len(), 3);
}

#[test]
fn a_silent_server_costs_its_timeout_once() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Reply { delay: Duration::from_secs(20), ..Reply::ok("") });
    let url = server.url("f");
    let sources: &[(&str, &str)] = &[(&url, UNVERIFIED)];
    let mut options = options(cache.path());
    options.patience.read = Duration::from_millis(100);
    let fetcher = Fetcher::with_catalog(options, catalog_of(&[("a", sources), ("b", sources)]));
    let begun = Instant::now();
    let error = fetcher.file("a", "f.csv").unwrap_err().to_string();
    assert!(error.contains("no answer within 100ms; 3 tries"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let error = fetcher.file("b", "f.csv").unwrap_err().to_string();
    assert!(error.contains("not tried again: no "), "{error}");
    assert_eq!(server.calls().len(), 3);
}

/// The connection stands, but the handshake of https never comes: such a host is as good as unreachable.
#[test]
fn a_connection_that_takes_too_long_is_given_up() {
    let cache = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/f", listener.local_addr().unwrap());
    let mut options = options(cache.path());
    options.patience.connect = Duration::from_millis(100);
    let fetcher = Fetcher::with_catalog(options, catalog(&[(&url, UNVERIFIED)]));
    let error = |fetcher: &Fetcher| fetcher.file("set", "f.csv").unwrap_err().to_string();
    assert!(error(&fetcher).contains("no connection within 100ms"), "{}", error(&fetcher));
    assert!(error(&fetcher).contains("not tried again: no connection within 100ms"));
}

#[test]
fn a_body_that_stops_halfway_is_resumed_after_the_timeout() {
    let cache = tempfile::tempdir().unwrap();
    let body = table(ROWS, "").into_bytes();
    let (sum, sent) = (sha256(&body), body.clone());
    let server = Server::start(move |before, call| match before {
        0 => Reply { stall: Duration::from_secs(20), ..Reply::ok(sent.clone()).cut(1500) },
        _ => Reply::ranged(&sent, call),
    });
    let mut options = options(cache.path());
    options.patience.read = Duration::from_millis(200);
    let fetcher = Fetcher::with_catalog(options, catalog(&[(&server.url("f"), &sum)]));
    let begun = Instant::now();
    assert_eq!(std::fs::read(fetcher.file("set", "f.csv").unwrap().path).unwrap(), body);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(server.calls()[1].range, Some("bytes=1500-".into()));
}

#[test]
fn a_network_that_is_down_is_noticed_once() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::serving(table(ROWS, ""));
    let (one, two, alive) = (closed("f"), closed("f"), server.url("f"));
    let source = |url| [(url, UNVERIFIED)];
    let sets = [("a", source(&*one)), ("b", source(&*one)), ("c", source(&*two)), ("d", source(&*alive))];
    let sets: Vec<(&str, &[(&str, &str)])> = sets.iter().map(|(name, sources)| (*name, sources.as_slice())).collect();
    let fetcher = fetcher(cache.path(), &catalog_of(&sets));
    let error = |name: &str| fetcher.file(name, "f.csv").unwrap_err().to_string();
    assert!(error("a").contains("no connection: "), "the first file tries");
    assert!(error("b").contains("not tried again: no "), "the same host is not tried again");
    assert!(error("c").contains("no connection: "), "another host is");
    let last = error("d");
    assert!(last.contains("not tried, the network is down") && last.contains("refused"), "{last}");
    assert!(server.calls().is_empty());
}

#[test]
fn one_dead_host_does_not_hide_the_next_source() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::serving(table(ROWS, ""));
    let (dead, alive) = (closed("f"), server.url("f"));
    let sources: &[(&str, &str)] = &[(&dead, UNVERIFIED), (&alive, UNVERIFIED)];
    let fetcher = fetcher(cache.path(), &catalog(sources));
    assert_eq!(fetcher.file("set", "f.csv").unwrap().origin, Origin::Source(alive));
}

#[test]
fn unseen_bytes_are_pinned_and_a_change_is_noticed() {
    let cache = tempfile::tempdir().unwrap();
    let (first, changed) = (table(ROWS, ""), table(ROWS, ".0"));
    let spellings = [first.clone(), first.clone(), changed.clone()];
    let server = Server::start(move |before, _| Reply::ok(spellings[before.min(2)].clone()));
    let url = server.url("f");
    let catalog = catalog(&[(&url, UNVERIFIED)]);
    let path = cache.path().join("set/f.csv");

    for origin in [Origin::Source(url.clone()), Origin::Cache] {
        let file = fetcher(cache.path(), &catalog).file("set", "f.csv").unwrap();
        assert_eq!((file.origin, file.checksum), (origin, Trust::Pinned));
    }
    let lock = std::fs::read_to_string(cache.path().join("lock.yaml")).unwrap();
    assert!(lock.contains("set/f.csv:") && lock.contains(&sha256(&first)) && lock.contains(&url), "{lock}");

    std::fs::remove_file(&path).unwrap();
    assert_eq!(fetcher(cache.path(), &catalog).file("set", "f.csv").unwrap().checksum, Trust::Pinned);

    std::fs::remove_file(&path).unwrap();
    let error = fetcher(cache.path(), &catalog).file("set", "f.csv").unwrap_err().to_string();
    let sums = format!("changed: sha256 {}, but {} was pinned on 2", sha256(&changed), sha256(&first));
    assert!(error.contains(&sums), "{error}");
    assert!(!path.exists());
    assert_eq!(std::fs::read_to_string(cache.path().join("lock.yaml")).unwrap(), lock);
}

#[test]
fn unseen_bytes_must_hold_the_expected_values() {
    let cache = tempfile::tempdir().unwrap();
    let right = table(ROWS, "");
    let (portal, other) = (Server::serving("<html>Log in!</html>"), Server::serving(right.replacen("\n7,", "\n8,", 1)));
    let good = Server::serving(right);
    let urls = [portal.url("f"), other.url("f"), good.url("f")];
    let sources = |n: usize| urls[..n].iter().map(|u| (u.as_str(), UNVERIFIED)).collect::<Vec<_>>();
    let error = fetcher(cache.path(), &catalog(&sources(2))).file("set", "f.csv").unwrap_err().to_string();
    assert!(error.contains("a web page instead of the file"), "{error}");
    assert!(error.contains("other data: column 1 (`a`) sums to 124751.0, expected 124750.0"), "{error}");
    assert!(files_in(cache.path()).is_empty(), "nothing is kept, nothing is pinned");
    let file = fetcher(cache.path(), &catalog(&sources(3))).file("set", "f.csv").unwrap();
    assert_eq!((file.origin, file.checksum), (Origin::Source(urls[2].clone()), Trust::Pinned));
}

#[test]
fn bytes_known_from_another_source_need_no_pin() {
    let cache = tempfile::tempdir().unwrap();
    let body = table(ROWS, "");
    let server = Server::serving(body.clone());
    let (unseen, seen) = (server.url("unseen"), closed("seen"));
    let sources: &[(&str, &str)] = &[(&unseen, UNVERIFIED), (&seen, &sha256(&body))];
    let file = fetcher(cache.path(), &catalog(sources)).file("set", "f.csv").unwrap();
    assert_eq!((file.origin, file.checksum), (Origin::Source(unseen), Trust::Verified));
    assert_eq!(files_in(cache.path()), ["set/f.csv"]);
}

#[test]
fn git_blobs_are_checked_and_headers_sent() {
    let body = table(ROWS, "");
    let mut object = format!("blob {}\0", body.len()).into_bytes();
    object.extend(body.as_bytes());
    let blob: String = <sha1::Sha1 as sha1::Digest>::digest(&object).iter().map(|b| format!("{b:02x}")).collect();
    let server = Server::serving(body);
    let url = server.url("f");
    for (blob, trusted) in [(blob.as_str(), true), (&"0".repeat(40), false)] {
        let cache = tempfile::tempdir().unwrap();
        let more = format!("unverified\n      git_blob: '{blob}'\n      accept: application/x-raw");
        let result = fetcher(cache.path(), &catalog(&[(&url, &more)])).file("set", "f.csv");
        match result {
            Ok(file) => assert!(trusted && file.checksum == Trust::Verified),
            Err(e) => assert!(!trusted && e.to_string().contains("wrong checksum: git blob "), "{e}"),
        }
        assert_eq!(server.calls()[0].accept, Some("application/x-raw".into()));
    }
}

#[test]
fn threads_that_want_the_same_file_fetch_it_once() {
    let cache = tempfile::tempdir().unwrap();
    let body = table(ROWS, "");
    let sum = sha256(&body);
    let server = Server::start(move |_, _| Reply { delay: Duration::from_millis(100), ..Reply::ok(body.clone()) });
    let catalog = catalog(&[(&server.url("f"), &sum)]);
    // Two fetchers stand for two processes: they share no memory, only the folder.
    let fetchers = [fetcher(cache.path(), &catalog), fetcher(cache.path(), &catalog)];
    std::thread::scope(|scope| {
        for i in 0..4 {
            let fetcher = &fetchers[i % 2];
            scope.spawn(move || assert_eq!(fetcher.file("set", "f.csv").unwrap().checksum, Trust::Verified));
        }
    });
    assert_eq!(server.calls().len(), 1);
}
