//! Stopping in order: on Ctrl-C, and on the signal by which schedulers announce the end of a job's time.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mtl_experiments::run::Tally;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown};

/// Exit status of a program that was interrupted, as shells expect it.
pub const INTERRUPTED: u8 = 130;

/// How often it is looked whether there is something to say.
const BLINK: Duration = Duration::from_millis(100);

/// A flag that the first signal raises; the second one ends the program.
///
/// A hang-up is left alone: what runs under nohup goes on after it, and what does not loses the cells in progress only.
pub fn flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the flag is not up yet when the first signal comes. Without a handler a signal ends the program, and
        // the store still resumes.
        let _ = register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&stop));
        let _ = register(signal, Arc::clone(&stop));
    }
    let flag = Arc::clone(&stop);
    // A handler may do next to nothing, so that somebody else has to speak.
    thread::spawn(move || {
        while !flag.load(Ordering::Relaxed) {
            thread::sleep(BLINK);
        }
        eprintln!("stopping; press Ctrl-C again to stop at once");
    });
    stop
}

/// Says how to go on.
pub fn stopped(tally: &Tally) -> ExitCode {
    eprintln!("stopped; {} cells are stored. Run the same command to go on.", tally.done);
    ExitCode::from(INTERRUPTED)
}
