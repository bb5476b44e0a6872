//! Servers that would hang the program, fill the disk, write where they should not, or have something else taken for data.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and one speaks to its parent")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mtl_data::fetch::{Patience, Trust};
use mtl_data::{Catalog, Fetcher, Mirror};
use support::*;

const UNVERIFIED: &str = "unverified";
const MILLISECOND: Duration = Duration::from_millis(1);

/// What comes of asking a server that always says the same, and how long it took. The cache must be left empty.
fn refused(reply: &Reply, known: &str) -> (String, Server, Duration) {
    let cache = tempfile::tempdir().unwrap();
    let said = reply.clone();
    let server = Server::start(move |_, _| said.clone());
    let begun = Instant::now();
    let result = fetcher(cache.path(), &catalog(&[(&server.url("f"), known)])).file("set", "f.csv");
    assert_eq!(files_in(cache.path()), [""; 0], "nothing is left behind");
    (result.unwrap_err().to_string(), server, begun.elapsed())
}

#[test]
fn a_trickle_is_given_up() {
    let cache = tempfile::tempdir().unwrap();
    let body = table(ROWS, "");
    let sum = sha256(&body);
    let server = Server::start(move |_, _| Reply { drip: Some(10 * MILLISECOND), ..Reply::ok(body.clone()) });
    let mut options = options(cache.path());
    options.patience = Patience { read: 200 * MILLISECOND, slowest: 1000, ..options.patience };
    let begun = Instant::now();
    let fetcher = Fetcher::with_catalog(options, catalog(&[(&server.url("f"), &sum)]));
    let error = fetcher.file("set", "f.csv").unwrap_err().to_string();
    assert!(error.contains("too slow: ") && error.contains(" bytes within 200ms; 3 tries"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(server.calls().len(), 3);
}

#[test]
fn a_file_has_so_much_time_and_is_continued_later() {
    let cache = tempfile::tempdir().unwrap();
    let body = table(ROWS, "").into_bytes();
    let (sum, sent) = (sha256(&body), body.clone());
    let server = Server::start(move |before, call| Reply {
        drip: (before == 0).then_some(10 * MILLISECOND),
        ..Reply::ranged(&sent, call)
    });
    let catalog = catalog(&[(&server.url("f"), &sum)]);
    let mut hurried = options(cache.path());
    hurried.patience = Patience { whole: 300 * MILLISECOND, slowest: 1, ..hurried.patience };
    let begun = Instant::now();
    let error = Fetcher::with_catalog(hurried, Arc::clone(&catalog)).file("set", "f.csv").unwrap_err().to_string();
    assert!(error.contains("not complete after 300ms; ask again to go on from there"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());

    let file = fetcher(cache.path(), &catalog).file("set", "f.csv").unwrap();
    assert_eq!((std::fs::read(&file.path).unwrap(), file.checksum), (body, Trust::Verified));
    let continued = server.calls()[1].range.clone().unwrap();
    assert!(first_of(&continued) > 0, "{continued}");
}

#[test]
fn a_body_without_an_end_does_not_fill_the_disk() {
    let noise = vec![b'7'; 1 << 16];
    for known in [UNVERIFIED, &"0".repeat(64)] {
        let endless = Reply { length: Length::Unsaid, endless: true, ..Reply::ok(noise.clone()) };
        let (error, server, _) = refused(&endless, known);
        assert!(error.contains("not the file: it goes on and on, where 1116800 are plenty"), "{error}");
        assert_eq!(server.calls().len(), 1, "it is not asked again");
    }
}

#[test]
fn an_announced_flood_is_not_waited_for() {
    let flood = Reply { length: Length::Says(1 << 40), stall: Duration::from_secs(20), ..Reply::ok("a,b\n") };
    let (error, server, took) = refused(&flood, UNVERIFIED);
    assert!(error.contains("not the file: it announces 1099511627776 bytes, where 1116800 are plenty"), "{error}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(server.calls().len(), 1);
}

#[test]
fn a_length_that_is_a_lie_makes_no_file() {
    let body = table(ROWS, "");
    let fewer = Reply { length: Length::Says(1000), ..Reply::ok(body.clone()) };
    let (error, ..) = refused(&fewer, &sha256(&body));
    assert!(error.contains("wrong checksum: "), "{error}");
    let (error, ..) = refused(&fewer, UNVERIFIED);
    assert!(error.contains("the table has ") || error.contains("expected 2 cells"), "{error}");

    let cache = tempfile::tempdir().unwrap();
    let sent = body.clone();
    let server = Server::start(move |_, _| Reply { length: Length::Says(9000), ..Reply::ok(sent.clone()) });
    let error = fetcher(cache.path(), &catalog(&[(&server.url("f"), UNVERIFIED)])).file("set", "f.csv").unwrap_err();
    assert!(error.to_string().contains("broke off: "), "{error}");
    assert_eq!(server.calls().len(), 3);
    assert!(!cache.path().join("set/f.csv").exists());
}

#[test]
fn a_page_is_no_data() {
    for page in ["<!DOCTYPE html><title>Log in</title>", "\u{feff}\n <HTML>\na,b\n1,2\n"] {
        for known in [UNVERIFIED, &"0".repeat(64)] {
            let (error, ..) = refused(&Reply::ok(page), known);
            assert!(error.contains("a web page instead of the file"), "{error}");
        }
    }
}

#[test]
fn redirections_do_not_go_round_nor_leave_the_network() {
    let cache = tempfile::tempdir().unwrap();
    let (error, server, _) = refused(&Reply::redirect("/f"), UNVERIFIED);
    assert!(error.contains("redirected more than 10 times"), "{error}");
    assert_eq!(server.calls().len(), 11);

    let secret = cache.path().join("secret");
    std::fs::write(&secret, table(ROWS, "")).unwrap();
    for to in [&format!("file://{}", secret.display()), "file:/etc/hostname", "ftp://127.0.0.1/f", "data:text/csv,a,b"]
    {
        let (error, server, _) = refused(&Reply::redirect(to), UNVERIFIED);
        // Where there is no host, the client takes it for no redirection at all.
        assert!(error.contains("which is not followed") || error.contains("HTTP 302"), "{error}");
        assert_eq!(server.calls().len(), 1);
    }

    let body = table(ROWS, "");
    let (sum, sent) = (sha256(&body), body.clone());
    let honest = Server::start(move |_, call| match call.path.as_str() {
        "/f" => Reply::redirect("/there"),
        _ => Reply::ok(sent.clone()),
    });
    let file = fetcher(cache.path(), &catalog(&[(&honest.url("f"), &sum)])).file("set", "f.csv").unwrap();
    assert_eq!(std::fs::read_to_string(file.path).unwrap(), body);
}

#[test]
fn a_head_of_any_size_is_not_read() {
    let long = "x".repeat(1000);
    let head = (0..10_000).fold(Reply::ok(table(ROWS, "")), |reply, _| reply.header("X-Noise", long.clone()));
    let (error, _, took) = refused(&head, UNVERIFIED);
    assert!(error.contains("3 tries"), "{error}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_compressed_bomb_is_not_unpacked() {
    let bomb = gzip(vec![b'\n'; 1 << 26]);
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(mirror.path(), "set/f.csv.gz", &bomb);
    let server = Server::start(move |_, call| match call.path.as_str() {
        "/set/f.csv.gz" => Reply::ok(bomb.clone()),
        _ => Reply::status(404),
    });
    for place in [mirror.path().to_str().unwrap(), &server.url("")] {
        let mut options = options(cache.path());
        options.mirror = Some(Mirror::from(place));
        let catalog = catalog(&[(&closed("f"), UNVERIFIED)]);
        let error = Fetcher::with_catalog(options, catalog).file("set", "f.csv").unwrap_err().to_string();
        assert!(error.contains("not the file: more than 1116800 bytes"), "{error}");
        assert_eq!(files_in(cache.path()), [""; 0]);
    }
}

/// A stored file in a ZIP archive under a name of the server's choice.
fn zip(name: &str, text: &str) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    let sizes = [crc.sum(), text.len() as u32, text.len() as u32].map(u32::to_le_bytes).concat();
    let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &*sizes, &(name.len() as u16).to_le_bytes(), &[0, 0]].concat();
    let file = [b"PK\x03\x04", &*common, name.as_bytes(), text.as_bytes()].concat();
    let directory = [b"PK\x01\x02\x14\x00", &*common, &[0; 14], name.as_bytes()].concat();
    let place = [directory.len() as u32, file.len() as u32].map(u32::to_le_bytes).concat();
    [file, directory, [b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(), &place, &[0, 0]].concat()].concat()
}

#[test]
fn names_in_an_archive_lead_nowhere() {
    let root = tempfile::tempdir().unwrap();
    let cache = root.path().join("a/cache");
    let absolute = root.path().join("absolute").display().to_string();
    for name in ["../../escaped", "..\\..\\escaped", &absolute] {
        let server = Server::serving(zip(name, "1 2\n3 4\n"));
        let yaml = format!(
            "{}  files:\n  - name: f.zip\n    format: {{zip-text: ['{name}']}}\n    sources: [{{url: '{}', sha256: \
             unverified}}]\n    fingerprint: {{rows: 2, columns: 2, missing: 0, total: 10.0}}\n",
            entry("set"),
            server.url("f")
        );
        let fetcher = fetcher(&cache, &Arc::new(Catalog::parse(&yaml).unwrap()));
        assert_eq!(fetcher.file("set", "f.zip").unwrap().checksum, Trust::Pinned);
        assert_eq!(files_in(root.path()), ["a/cache/lock.yaml", "a/cache/set/f.zip"]);
        std::fs::remove_dir_all(&cache).unwrap();
    }
}

/// A process that may write no file beyond a kilobyte stands for one on a full disk. It is this program again, which
/// finds what to do in its environment.
#[cfg(unix)]
#[test]
fn a_full_disk_is_named_and_given_back() {
    const SOURCE: &str = "MTL_TEST_FULL_DISK";
    let (name, cache) = ("a_full_disk_is_named_and_given_back", tempfile::tempdir().unwrap());
    if let Ok(task) = std::env::var(SOURCE) {
        let (url, cache) = task.split_once(' ').unwrap();
        let error = fetcher(cache.as_ref(), &catalog(&[(url, UNVERIFIED)])).file("set", "f.csv").unwrap_err();
        println!("{error}");
        return;
    }
    let server = Server::serving(table(ROWS, ""));
    let child = std::process::Command::new("sh")
        .args(["-c", "ulimit -f 1; trap '' XFSZ; exec \"$0\" --exact --nocapture \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(SOURCE, format!("{} {}", server.url("f"), cache.path().display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(said.contains("cannot be used: writing a download: ") && said.contains("make room in it"), "{said}");
    assert_eq!(files_in(cache.path()), [""; 0]);
}
