//! Stopping in order: on Ctrl-C, and on the signal by which schedulers announce the end of a job's time.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mtl_experiments::run::Tally;

/// Exit status of a program that was interrupted, as shells expect it.
pub const INTERRUPTED: u8 = 130;

/// A flag that the first signal raises; the second one ends the program.
pub fn flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let raise = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
        eprintln!("stopping; press Ctrl-C again to stop at once");
    };
    // What runs under nohup goes on after a hang-up: signals that are ignored are left alone. Without a handler a signal
    // ends the program, and the store still resumes.
    let _ = ctrlc::try_set_handler(raise);
    stop
}

/// Says how to go on.
pub fn stopped(tally: &Tally) -> ExitCode {
    eprintln!("stopped; {} cells are stored. Run the same command to go on.", tally.done);
    ExitCode::from(INTERRUPTED)
}
