//! The program as it is shipped, against emulated Windows nodes behind real SSH servers.
//!
//! Nothing of the program is linked in to carry a run out: it is started as a process, with an estate file, keys and a
//! terminal of its own, as an administrator would start it. What the nodes and the person were told is compared with
//! transcripts written by hand from KB 328839 (`transcripts/`); no switch writes them anew.

#[cfg(unix)]
mod alone;
#[cfg(unix)]
mod by_hand;
#[cfg(unix)]
mod clusters;
#[cfg(unix)]
mod crashes;
#[cfg(unix)]
mod faults;
#[cfg(unix)]
mod interrupts;
#[cfg(unix)]
mod journals;
#[cfg(unix)]
mod kit;
#[cfg(unix)]
mod maps;
mod mishaps;
#[cfg(unix)]
mod of_2000;
mod of_55;
#[cfg(unix)]
mod restores;
#[cfg(unix)]
mod transcripts;
