//! What a download tells whoever draws it.

/// Follows one download at a time. A retry starts anew.
pub trait Progress: Send + Sync {
    /// A transfer begins; `total` is its size where the server says so.
    fn start(&self, file: &str, total: Option<u64>);
    /// So many more bytes are here. What an earlier try left counts too.
    fn advance(&self, bytes: u64);
    /// The transfer has ended, well or badly.
    fn finish(&self);
}

/// Draws nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn start(&self, _file: &str, _total: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
}
