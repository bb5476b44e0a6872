//! A server on this machine, small catalogs, and small data files.

#![allow(dead_code, clippy::unwrap_used, reason = "every test binary uses a part of this, and may panic")]

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mtl_data::fetch::Patience;
use mtl_data::{Catalog, FetchOptions, Fetcher};
use sha2::{Digest, Sha256};

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub path: String,
    pub range: Option<String>,
    pub if_range: Option<String>,
    pub accept: Option<String>,
}

/// What the server says.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// What it says about the length of the body; the truth, if nothing else.
    pub length: Length,
    /// How much of the body is sent before the connection is closed.
    pub cut: Option<usize>,
    /// How long it waits behind each byte.
    pub drip: Option<Duration>,
    /// Whether it sends the body again and again.
    pub endless: bool,
    /// How long it thinks before it says anything.
    pub delay: Duration,
    /// How long it pauses before it closes the connection.
    pub stall: Duration,
}

/// What a server says about the length of a body.
#[derive(Debug, Clone, Copy)]
pub enum Length {
    True,
    Says(u64),
    Unsaid,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: b"nothing to see".to_vec(),
            length: Length::True,
            cut: None,
            drip: None,
            endless: false,
            delay: Duration::ZERO,
            stall: Duration::ZERO,
        }
    }

    pub fn redirect(to: impl Into<String>) -> Self {
        Self::status(302).header("Location", to)
    }

    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::status(200) }
    }

    /// The answer of a server that understands ranges.
    pub fn ranged(body: &[u8], call: &Call) -> Self {
        let Some(start) = call.range.as_ref().map(|r| first_of(r)) else {
            return Self::ok(body);
        };
        let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
        Self { status: 206, body: body[start..].to_vec(), ..Self::ok("") }.header("Content-Range", range)
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn cut(self, cut: usize) -> Self {
        Self { cut: Some(cut), ..self }
    }
}

/// The first byte of `bytes=N-`.
pub fn first_of(range: &str) -> usize {
    range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap()
}

/// A server that lives as long as the value.
pub struct Server {
    server: Arc<tiny_http::Server>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Server {
    /// Answers each call by `handler`, which is also told how many calls came before.
    pub fn start(handler: impl Fn(usize, &Call) -> Reply + Send + Sync + 'static) -> Self {
        let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (accepting, seen, handler) = (Arc::clone(&server), Arc::clone(&calls), Arc::new(handler));
        thread::spawn(move || {
            while let Ok(request) = accepting.recv() {
                let call = read(&request);
                let before = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(call.clone());
                    seen.len() - 1
                };
                let handler = Arc::clone(&handler);
                thread::spawn(move || answer(request, &handler(before, &call)));
            }
        });
        Self { server, calls }
    }

    /// Answers every call with the same bytes.
    pub fn serving(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::start(move |_, _| Reply::ok(body.clone()))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.server.server_addr().to_ip().unwrap())
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn read(request: &tiny_http::Request) -> Call {
    let header = |name: &str| {
        let found = request.headers().iter().find(|h| h.field.as_str().as_str().eq_ignore_ascii_case(name));
        found.map(|h| h.value.to_string())
    };
    Call { path: request.url().into(), range: header("Range"), if_range: header("If-Range"), accept: header("Accept") }
}

fn answer(request: tiny_http::Request, reply: &Reply) {
    thread::sleep(reply.delay);
    let mut out = request.into_writer();
    let mut head = format!("HTTP/1.1 {} Said\r\n", reply.status);
    match reply.length {
        Length::True => head += &format!("Content-Length: {}\r\n", reply.body.len()),
        Length::Says(bytes) => head += &format!("Content-Length: {bytes}\r\n"),
        Length::Unsaid => {}
    }
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "Connection: close\r\n\r\n";
    let body = &reply.body[..reply.cut.unwrap_or(reply.body.len())];
    let mut send = || {
        out.write_all(head.as_bytes())?;
        loop {
            match reply.drip {
                None => out.write_all(body)?,
                Some(pause) => body.chunks(1).try_for_each(|byte| {
                    thread::sleep(pause);
                    out.write_all(byte).and_then(|()| out.flush())
                })?,
            }
            if !reply.endless {
                return out.flush();
            }
        }
    };
    // A client that has given up is no concern of the server.
    let _ = send();
    thread::sleep(reply.stall);
}

/// An address where nothing listens.
pub fn closed(path: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/{path}", listener.local_addr().unwrap())
}

/// A table of two columns, `i` and `2 i`, in one of several spellings.
pub fn table(rows: usize, point: &str) -> String {
    (0..rows).fold("a,b\n".into(), |text, i| format!("{text}{i}{point},{}\n", 2 * i))
}

/// Rows of [`table`] in the tests that do not care.
pub const ROWS: usize = 500;

pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes.as_ref()).iter().map(|b| format!("{b:02x}")).collect()
}

/// A catalog with one data set `set` of one file `f.csv`, a [`table`] of [`ROWS`] rows, at these sources: address and
/// SHA-256 each, and anything more in YAML.
pub fn catalog(sources: &[(&str, &str)]) -> Arc<Catalog> {
    catalog_of(&[("set", sources)])
}

/// Several of them.
pub fn catalog_of(sets: &[(&str, &[(&str, &str)])]) -> Arc<Catalog> {
    let sum: usize = (0..ROWS).sum();
    let mut yaml = String::new();
    for (name, sources) in sets {
        yaml += &entry(name);
        yaml += "  files:\n  - name: f.csv\n    format: csv\n    sources:\n";
        for (url, sha256) in *sources {
            yaml += &format!("    - url: {url}\n      sha256: {sha256}\n");
        }
        let sums = format!("[{sum}.0, {}.0]", 2 * sum);
        yaml += &format!("    fingerprint: {{rows: {ROWS}, columns: 2, missing: 0, column_sums: {sums}}}\n");
    }
    Arc::new(Catalog::parse(&yaml).unwrap())
}

/// An entry's opening lines.
pub fn entry(name: &str) -> String {
    format!(
        "{name}:\n  title: T\n  summary: s\n  status: official\n  status_note: all\n  tasks: 1\n  features: 1\n  \
         rows: 1\n  licence: l\n  citation: c\n"
    )
}

/// Options for impatient tests.
pub fn options(cache: &Path) -> FetchOptions {
    let patience = Patience {
        connect: Duration::from_secs(2),
        read: Duration::from_secs(2),
        slowest: 1 << 10,
        whole: Duration::from_secs(60),
        tries: 3,
        pause: Duration::from_millis(10),
    };
    FetchOptions { patience, ..FetchOptions::new(cache) }
}

pub fn fetcher(cache: &Path, catalog: &Arc<Catalog>) -> Fetcher {
    Fetcher::with_catalog(options(cache), Arc::clone(catalog))
}

/// Every file below a folder, but for the empty lock between processes.
pub fn files_in(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            names.extend(files_in(&path).into_iter().map(|file| format!("{name}/{file}")));
        } else {
            names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

/// Writes a file into a mirror folder.
pub fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

pub fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}
