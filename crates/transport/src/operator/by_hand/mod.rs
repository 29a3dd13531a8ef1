//! Hosts that no command reaches: a person carries sheets of commands there and brings the answers back.
//!
//! - [`sheet`] — one batch file and the answer file that it leaves: writing, reading, refusing.
//! - `drawer` — the directory on the controller where both lie.
//! - [`Courier`] — asks the person, and remembers what they brought for as long as one look lasts.

mod courier;
mod drawer;
pub mod sheet;

pub use courier::{ByHand, Courier};
pub use drawer::stem;
