//! A run as a pure state machine. It knows no clock, no I/O and no randomness: the host asks [`Run::next`] what is
//! wanted, does it, tells the machine by [`Run::hear`], journals each record that comes back, and hands it to
//! [`Run::apply`]. Whatever a crash leaves of the journal, [`Run::recover`] goes on from there.
//!
//! Two hosts drive it: the runner, over real machines, and the checker, over the world.

mod alike;
mod before;
mod drift;
mod event;
mod hear;
mod machine;
mod memory;
mod record;
mod restore;
mod steps;
mod want;
mod within;

pub use alike::Alike;
pub use drift::drift;
pub use event::{Event, GroupLine, What};
pub use machine::{Mode, Run, StepState};
pub use record::{EvidenceRecord, Illegal, Outcome, Record, Why};
pub use want::{End, Input, Want};
