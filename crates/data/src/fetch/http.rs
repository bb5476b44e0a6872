//! One download: resumed where possible, retried where that may help.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use reqwest::redirect::{self, Policy};
use reqwest::{StatusCode, Url, header};
use serde::{Deserialize, Serialize};

use super::Progress;
use super::network::Network;

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection. A host that takes longer counts as unreachable.
    pub connect: Duration,
    /// For the next bytes.
    pub read: Duration,
    /// Bytes a second, over any such time, below which a place counts as stuck.
    pub slowest: u64,
    /// For a file, all tries together.
    pub whole: Duration,
    /// How often to try a place that fails halfway, is busy, or falls silent.
    pub tries: u32,
    /// Before the second try; twice as long before each further one.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(30),
            slowest: 1 << 10,
            whole: Duration::from_secs(2 * 60 * 60),
            tries: 3,
            pause: Duration::from_millis(500),
        }
    }
}

/// What to download.
pub(crate) struct Request<'a> {
    pub(crate) url: &'a str,
    pub(crate) accept: Option<&'a str>,
    /// Bytes that the file may have: no more are kept, nor waited for.
    pub(crate) most: u64,
    /// Name to show.
    pub(crate) name: &'a str,
    /// Whether a checksum will tell if two halves do not belong together.
    pub(crate) checked: bool,
    /// What is known of the hosts this one belongs with.
    pub(crate) network: &'a Network,
}

/// Why there is no file.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server says that it has no such file.
    NotThere(String),
    /// The place failed in another way.
    Place(String),
    /// The place has something else by that name.
    TooLarge(String),
    /// The disk failed.
    Disk(io::Error),
}

/// How one try ended, if badly.
enum Trouble {
    Final(Failure),
    /// Worth another try.
    Passing(String),
    /// Not even a beginning of an answer.
    Silent(String),
}

/// The client, built when first needed.
pub(crate) struct Http {
    through_proxy: OnceLock<Result<Client, String>>,
    direct: OnceLock<Result<Client, String>>,
    patience: Patience,
    progress: Arc<dyn Progress>,
}

/// Beside an unfinished download: where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    url: String,
    /// Strong entity tag: the server can tell by it whether the file is still the same.
    etag: Option<String>,
}

impl Note {
    fn path(part: &Path) -> PathBuf {
        let mut name = part.as_os_str().to_owned();
        name.push(".from");
        name.into()
    }

    fn read(part: &Path) -> Option<Self> {
        serde_yaml::from_str(&std::fs::read_to_string(Self::path(part)).ok()?).ok()
    }

    fn write(&self, part: &Path) -> io::Result<()> {
        std::fs::write(Self::path(part), serde_yaml::to_string(self).map_err(io::Error::other)?)
    }
}

/// Forgets an unfinished download.
pub(crate) fn discard(part: &Path) -> io::Result<()> {
    for path in [part, &Note::path(part)] {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

impl Http {
    pub(crate) fn new(patience: Patience, progress: Arc<dyn Progress>) -> Self {
        Self { through_proxy: OnceLock::new(), direct: OnceLock::new(), patience, progress }
    }

    /// Downloads the bytes into `part` and flushes it to disk. Says whether they came in more than one piece.
    pub(crate) fn download(&self, request: &Request<'_>, part: &Path) -> Result<bool, Failure> {
        let url = Url::parse(request.url).map_err(|e| Failure::Place(format!("not an address: {e}")))?;
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_string(),
        };
        if let Some(reason) = request.network.hopeless(&host) {
            return Err(Failure::Place(reason));
        }
        let deadline = Instant::now() + self.patience.whole;
        let mut resumed = false;
        let mut pause = self.patience.pause;
        let (mut last, mut silent) = ("no try allowed".to_string(), false);
        for attempt in 0..self.patience.tries {
            if attempt > 0 {
                thread::sleep(pause);
                pause *= 2;
            }
            (last, silent) = match self.once(request, &url, &host, part, deadline, &mut resumed) {
                Ok(()) => return Ok(resumed),
                Err(Trouble::Final(failure)) => return Err(failure),
                Err(Trouble::Passing(reason)) => (reason, false),
                Err(Trouble::Silent(reason)) => (reason, true),
            };
        }
        if silent {
            request.network.failed(&host, &last);
        }
        Err(Failure::Place(format!("{last}; {} tries", self.patience.tries)))
    }

    fn once(
        &self,
        request: &Request<'_>,
        url: &Url,
        host: &str,
        part: &Path,
        deadline: Instant,
        resumed: &mut bool,
    ) -> Result<(), Trouble> {
        let (have, etag) = resumable(request, part);
        let mut response = self.ask(request, url, host, have, etag)?;
        let status = response.status();
        let start = match status {
            StatusCode::PARTIAL_CONTENT if first_byte(&response) == Some(have) => have,
            StatusCode::OK => 0,
            // An unfinished download that is longer than the file, or that the server will not continue.
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
                discard(part).map_err(disk)?;
                return Err(Trouble::Passing(format!("HTTP {status} for the rest of the file")));
            }
            _ => return Err(refusal(status)),
        };
        if start == 0 {
            discard(part).map_err(disk)?;
            Note { url: request.url.into(), etag: strong_etag(&response) }.write(part).map_err(disk)?;
        }
        *resumed = start > 0;
        let announced = response.content_length().map(|rest| start.saturating_add(rest));
        if let Some(bytes) = announced.filter(|bytes| *bytes > request.most) {
            discard(part).map_err(disk)?;
            return Err(too_large(format!("it announces {bytes} bytes"), request.most));
        }
        let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(disk)?;
        self.progress.start(request.name, announced);
        self.progress.advance(start);
        let copied = self.copy(&mut response, &mut file, start, request.most, deadline);
        self.progress.finish();
        let copied = copied.and_then(|()| file.sync_all().map_err(disk));
        drop(file);
        if let Err(Trouble::Final(Failure::Disk(_) | Failure::TooLarge(_))) = copied {
            // The room is wanted for something else. That this fails too is not the reason to tell.
            let _ = discard(part);
        }
        copied
    }

    /// Sends the request and waits for the head of the answer.
    fn ask(
        &self,
        request: &Request<'_>,
        url: &Url,
        host: &str,
        have: u64,
        etag: Option<String>,
    ) -> Result<Response, Trouble> {
        let client = self.client(url).map_err(|reason| Trouble::Final(Failure::Place(reason)))?;
        // One file, one connection; and the bytes themselves, as a compressed answer could not be resumed.
        let mut get = client.get(url.clone()).header(header::CONNECTION, "close");
        get = get.header(header::ACCEPT_ENCODING, "identity");
        if let Some(accept) = request.accept {
            get = get.header(header::ACCEPT, accept);
        }
        if have > 0 {
            get = get.header(header::RANGE, format!("bytes={have}-"));
        }
        if let Some(etag) = etag {
            get = get.header(header::IF_RANGE, etag);
        }
        match get.send() {
            Ok(response) => {
                request.network.reached();
                Ok(response)
            }
            Err(e) if e.is_connect() => {
                let reason = if e.is_timeout() {
                    format!("no connection within {:?}", self.patience.connect)
                } else {
                    format!("no connection: {}", innermost(&e))
                };
                request.network.failed(host, &reason);
                Err(Trouble::Final(Failure::Place(reason)))
            }
            Err(e) if e.is_redirect() => Err(Trouble::Final(Failure::Place(innermost(&e)))),
            Err(e) if e.is_timeout() => Err(Trouble::Silent(format!("no answer within {:?}", self.patience.read))),
            Err(e) => Err(Trouble::Passing(innermost(&e))),
        }
    }

    /// Copies the body behind the bytes that are there, as long as it comes fast enough and the file is not too large.
    /// One that is shorter than announced is an error of the reader.
    fn copy(
        &self,
        response: &mut Response,
        file: &mut File,
        mut have: u64,
        most: u64,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        let Patience { read, slowest, whole, .. } = self.patience;
        let mut buffer = vec![0; 1 << 16];
        // The present stretch of time, and what was there when it began.
        let (mut begun, mut before) = (Instant::now(), have);
        loop {
            match response.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    have += n as u64;
                    if have > most {
                        return Err(too_large("it goes on and on".into(), most));
                    }
                    file.write_all(&buffer[..n]).map_err(disk)?;
                    self.progress.advance(n as u64);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Trouble::Passing(format!("broke off: {}", innermost(&e)))),
            }
            let now = Instant::now();
            if now > deadline {
                let reason = format!("not complete after {whole:?}; ask again to go on from there");
                return Err(Trouble::Final(Failure::Place(reason)));
            }
            let stretch = now - begun;
            if stretch >= read {
                let bytes = have - before;
                if (bytes as f64) < slowest as f64 * stretch.as_secs_f64() {
                    return Err(Trouble::Passing(format!("too slow: {bytes} bytes within {read:?}")));
                }
                (begun, before) = (now, have);
            }
        }
    }

    /// The client for an address. This very machine is never asked through a proxy.
    fn client(&self, url: &Url) -> Result<&Client, String> {
        let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let cell = if here { &self.direct } else { &self.through_proxy };
        cell.get_or_init(|| {
            // Fails if a provider is installed already, which is just as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let builder = Client::builder()
                .user_agent(concat!("mtl/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(self.patience.connect)
                .timeout(self.patience.read)
                .redirect(Policy::custom(redirect));
            let builder = if here { builder.no_proxy() } else { builder };
            builder.build().map_err(|e| format!("no HTTP client: {}", innermost(&e)))
        })
        .as_ref()
        .map_err(Clone::clone)
    }
}

fn redirect(attempt: redirect::Attempt<'_>) -> redirect::Action {
    match not_followed(attempt.previous(), attempt.url()) {
        Some(reason) => attempt.error(reason),
        None => attempt.follow(),
    }
}

/// Why a redirection is not followed: there were too many, it leads to what is no server, or to where anybody on the way
/// could change what nobody could before.
fn not_followed(previous: &[Url], to: &Url) -> Option<String> {
    const MOST: usize = 10;
    match (previous.last().map_or("", Url::scheme), to.scheme()) {
        _ if previous.len() > MOST => Some(format!("redirected more than {MOST} times")),
        (_, "https") | ("http", "http") => None,
        (from, to) => Some(format!("redirected from {from} to {to}, which is not followed")),
    }
}

fn disk(e: io::Error) -> Trouble {
    Trouble::Final(Failure::Disk(e))
}

fn too_large(what: String, most: u64) -> Trouble {
    Trouble::Final(Failure::TooLarge(format!("not the file: {what}, where {most} are plenty")))
}

/// How much of an earlier try can be kept, and the tag to ask with. Without a tag a changed file would be spliced to
/// the old beginning unnoticed, unless there is a checksum to notice it.
fn resumable(request: &Request<'_>, part: &Path) -> (u64, Option<String>) {
    let length = std::fs::metadata(part).map_or(0, |m| m.len());
    match Note::read(part) {
        Some(note) if length > 0 && note.url == request.url && (note.etag.is_some() || request.checked) => {
            (length, note.etag)
        }
        _ => (0, None),
    }
}

fn refusal(status: StatusCode) -> Trouble {
    let reason = format!("HTTP {status}");
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Trouble::Final(Failure::NotThere(reason)),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Trouble::Passing(reason),
        _ if status.is_server_error() => Trouble::Passing(reason),
        _ => Trouble::Final(Failure::Place(reason)),
    }
}

fn strong_etag(response: &Response) -> Option<String> {
    let etag = response.headers().get(header::ETAG)?.to_str().ok()?;
    etag.starts_with('"').then(|| etag.to_string())
}

/// The first byte of a partial answer, from `Content-Range: bytes 100-199/200`.
fn first_byte(response: &Response) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// The last two links of an error's chain: what happened and why. The first ones say that a request failed.
fn innermost(error: &dyn Error) -> String {
    let mut chain = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // Some errors repeat their cause's text.
        if chain.last().is_some_and(|last| last.ends_with(&text)) {
            chain.pop();
        }
        chain.push(text);
        next = cause.source();
    }
    chain[chain.len().saturating_sub(2)..].join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_error_chain_says_what_happened() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "refused");
        assert_eq!(innermost(&refused), "refused");
        let outer = io::Error::other(io::Error::other("why"));
        assert_eq!(innermost(&outer), "why");
    }

    #[test]
    fn redirections_end_and_stay_among_servers() {
        let reason = |previous: &[&str], to: &str| {
            let previous: Vec<Url> = previous.iter().map(|url| Url::parse(url).unwrap()).collect();
            not_followed(&previous, &Url::parse(to).unwrap())
        };
        let (plain, safe) = ("http://a.org/f", "https://a.org/f");
        for (from, to) in [(plain, plain), (plain, safe), (safe, safe)] {
            assert_eq!(reason(&[from], to), None);
            assert_eq!(reason(&[from; 11], to).unwrap(), "redirected more than 10 times");
        }
        assert_eq!(reason(&[safe], plain).unwrap(), "redirected from https to http, which is not followed");
        assert_eq!(reason(&[plain], "file:///f").unwrap(), "redirected from http to file, which is not followed");
    }

    #[test]
    fn only_a_marked_or_checked_beginning_is_continued() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("f.part");
        let network = Network::default();
        let request =
            |checked| Request { url: "http://a.org/f", accept: None, most: 9, name: "f", checked, network: &network };
        let kept = |checked| resumable(&request(checked), &part).0;
        std::fs::write(&part, "abc").unwrap();
        assert_eq!(kept(true), 0, "nobody knows where it came from");
        Note { url: "http://b.org/f".into(), etag: Some("\"1\"".into()) }.write(&part).unwrap();
        assert_eq!(kept(true), 0, "it came from elsewhere");
        Note { url: "http://a.org/f".into(), etag: None }.write(&part).unwrap();
        assert_eq!((kept(true), kept(false)), (3, 0));
        Note { url: "http://a.org/f".into(), etag: Some("\"1\"".into()) }.write(&part).unwrap();
        assert_eq!((kept(true), kept(false)), (3, 3));
        discard(&part).unwrap();
        discard(&part).unwrap();
        assert_eq!(kept(true), 0);
    }
}
