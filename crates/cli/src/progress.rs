//! Progress on standard error: bars with the time left on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mtl_experiments::Cell;
use mtl_experiments::drive::Watch;

/// One bar at a time, for downloads and for cells.
#[derive(Default)]
pub struct Bars {
    current: Mutex<Option<ProgressBar>>,
}

impl Bars {
    /// Begins a bar in place of the current one.
    pub fn begin(&self, total: Option<u64>, style: &str, name: &str) {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        // The templates are constants; a typo in one would show as a plain bar.
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        *self.lock() = Some(bar);
    }

    /// Moves it on.
    pub fn advance(&self, by: u64) {
        if let Some(bar) = &*self.lock() {
            bar.inc(by);
        }
    }

    /// Takes it away.
    pub fn finish(&self) {
        if let Some(bar) = self.lock().take() {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl mtl_data::Progress for Bars {
    fn start(&self, file: &str, total: Option<u64>) {
        if !std::io::stderr().is_terminal() {
            eprintln!("fetching {file}");
        }
        self.begin(total, "fetching {msg} {bar:30} {bytes}/{total_bytes} {eta} left", file);
    }

    fn advance(&self, bytes: u64) {
        self.advance(bytes);
    }

    fn finish(&self) {
        self.finish();
    }
}

impl Watch for Bars {
    fn stage(&self, name: &str, cells: usize) {
        if !std::io::stderr().is_terminal() {
            eprintln!("{name}: {cells} cells");
        }
        let style = "{msg:8} {bar:40} {pos}/{len} cells, {elapsed} so far, {eta} left";
        self.begin(Some(cells as u64), style, name);
    }

    fn tick(&self, _: &Cell) {
        self.advance(1);
    }

    fn end(&self) {
        self.finish();
    }
}
