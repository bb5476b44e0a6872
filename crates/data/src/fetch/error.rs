//! What went wrong, in words that fit on one screen and say what to do.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use crate::catalog::UnknownDataset;
use crate::suggest::{did_you_mean, listed};

/// A place that did not give the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Where it was looked for.
    pub place: String,
    /// Why it did not come from there.
    pub reason: String,
    /// Whether it has the file, but with other bytes or values than it should.
    pub damaged: bool,
}

/// A file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no such data set.
    #[error(transparent)]
    UnknownDataset(#[from] UnknownDataset),
    /// The data set has no such file.
    #[error("data set `{dataset}` has no file `{file}`{}\nfiles: {}", did_you_mean(file, valid), listed(valid))]
    UnknownFile {
        /// The data set.
        dataset: String,
        /// The file asked for.
        file: String,
        /// The files it has.
        valid: Vec<String>,
    },
    /// No place gave the file.
    #[error("{}", not_obtained(dataset, file, tried, by_hand.as_deref()))]
    NotObtained {
        /// The data set.
        dataset: String,
        /// The file.
        file: String,
        /// Every place that was looked at, in order.
        tried: Vec<Attempt>,
        /// How to make the file, if no address has it.
        by_hand: Option<String>,
    },
    /// The cache folder cannot be written.
    #[error(
        "the cache folder {} cannot be used: {doing}: {source}\n\
         make it writable, make room in it, or choose another folder",
        folder.display()
    )]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// What was being done.
        doing: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The record of checksums taken at first use is damaged.
    #[error(
        "{} cannot be read: {detail}\n\
         it holds the checksums of earlier downloads; mend it, or delete it to start afresh",
        path.display()
    )]
    Pins {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
}

impl FetchError {
    /// Whether the data set can be skipped for this: no place had the file. A damaged copy in the user's own cache or
    /// mirror is to be mended instead. Of a public address it is taken for no copy: blocked networks answer with pages
    /// of their own.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::NotObtained { tried, .. } => !tried.iter().any(|a| a.damaged && !a.place.starts_with("http")),
            _ => false,
        }
    }

    /// The error in one line, without places on the user's own machine: for reports.
    pub fn in_one_line(&self) -> String {
        match self {
            Self::NotObtained { file, by_hand: Some(how), .. } => {
                format!("no copy of `{file}`, which cannot be downloaded: {how}")
            }
            Self::NotObtained { file, tried, .. } => {
                let public = tried.iter().filter(|a| a.place.starts_with("http"));
                let attempts: Vec<_> = public.map(|a| format!("{}: {}", a.place, a.reason)).collect();
                format!("no copy of `{file}` ({})", attempts.join("; "))
            }
            other => other.to_string().lines().next().unwrap_or_default().to_owned(),
        }
    }
}

fn not_obtained(dataset: &str, file: &str, tried: &[Attempt], by_hand: Option<&str>) -> String {
    let how = by_hand.map(|how| format!(", which cannot be downloaded: {how}")).unwrap_or_default();
    let mut text = format!("no copy of `{file}` for data set `{dataset}`{how}\nlooked in");
    for Attempt { place, reason, .. } in tried {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {place}\n    {reason}");
    }
    if by_hand.is_none() {
        let _ = write!(text, "\nto fetch it:            mtl datasets fetch {dataset}");
    }
    let _ = write!(text, "\nfrom a folder or URL:   mtl datasets fetch {dataset} --mirror DIR");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_where_and_what_to_do() {
        let tried = vec![
            Attempt { place: "cache /c/a/f".into(), reason: "not there".into(), damaged: false },
            Attempt { place: "https://a.org/f".into(), reason: "HTTP 404 Not Found".into(), damaged: false },
        ];
        let error = FetchError::NotObtained { dataset: "a".into(), file: "f".into(), tried, by_hand: None };
        assert_eq!(error.in_one_line(), "no copy of `f` (https://a.org/f: HTTP 404 Not Found)");
        assert_eq!(
            error.to_string(),
            "no copy of `f` for data set `a`\nlooked in\n  cache /c/a/f\n    not there\n  https://a.org/f\n    \
             HTTP 404 Not Found\nto fetch it:            mtl datasets fetch a\n\
             from a folder or URL:   mtl datasets fetch a --mirror DIR"
        );
    }

    #[test]
    fn what_cannot_be_downloaded_says_how_to_make_it() {
        let tried = vec![Attempt { place: "cache /c/a/f".into(), reason: "not there".into(), damaged: false }];
        let by_hand = Some("draw it and save it as a/f in a mirror folder".into());
        let error = FetchError::NotObtained { dataset: "a".into(), file: "f".into(), tried, by_hand };
        let how = "which cannot be downloaded: draw it and save it as a/f in a mirror folder";
        assert_eq!(error.in_one_line(), format!("no copy of `f`, {how}"));
        assert_eq!(
            error.to_string(),
            format!(
                "no copy of `f` for data set `a`, {how}\nlooked in\n  cache /c/a/f\n    not there\n\
                 from a folder or URL:   mtl datasets fetch a --mirror DIR"
            )
        );
        assert!(error.is_absence());
    }
}
