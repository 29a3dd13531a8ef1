//! The thin shell: drives a run with platforms over transports, writes the journal, emits events.
//!
//! All decisions are the run machine's. What is here is time, I/O, and their order: a record is on disk before the
//! machine takes it in, and before anything follows from it.

mod clock;
mod crash;
mod drive;
mod error;
mod guard;
mod interrupt;
mod journal;
mod store;

pub use clock::now;
pub use drive::{Driver, Ending};
pub use error::Error as JournalError;
pub use interrupt::Interrupt;
pub use journal::{Entry, Journal, Note};
pub use store::{RunSummary, Store};
