//! Ctrl-C: a run is asked to stop at its next safe point; before and beside a run the program just ends.

use std::sync::{Mutex, PoisonError};

use kaketsugi_runner::Interrupt;

use crate::exit::Code;

/// The run that this process drives.
static DRIVEN: Mutex<Option<Interrupt>> = Mutex::new(None);

/// Listens from here on, for as long as the program lives.
pub(crate) fn listen() {
    tokio::spawn(async {
        while tokio::signal::ctrl_c().await.is_ok() {
            let driven = DRIVEN.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match driven {
                Some(run) => {
                    eprintln!("\nInterrupted: the run stops at the next safe point.");
                    run.set();
                }
                None => {
                    eprintln!("\nInterrupted: no run was at work in this program.");
                    end();
                }
            }
        }
    });
}

/// A run is driven from here on; Ctrl-C is for it.
pub(crate) fn of_run() -> Interrupt {
    let interrupt = Interrupt::default();
    *DRIVEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(interrupt.clone());
    interrupt
}

/// Ends the program in the middle of whatever it computes.
#[expect(
    clippy::disallowed_methods,
    reason = "the main thread may explore a plan for minutes, and no destructor holds anything that outlives the process"
)]
fn end() -> ! {
    std::process::exit(Code::Cannot as i32)
}
