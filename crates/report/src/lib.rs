//! The evidence report of a run: what was asked, checked and done, from the run's journal alone, and what each claim
//! rests on. And in words what to do next while a run is stopped.
//!
//! Nothing here looks at a machine. A report says what the journal holds, and where the journal holds nothing it says
//! that. Times are the controller's.

mod advice;
mod backups;
mod basis;
mod cutoff;
mod detail;
mod facts;
mod left;
mod meta;
mod next;
mod report;
mod shown;
mod stops;
mod trail;
mod why;

pub use backups::{Backup, Fit, backups};
pub use basis::Basis;
pub use cutoff::{Course, CutOff};
pub use facts::{SettingLine, VersionLine};
pub use left::left;
pub use meta::{Machines, Meta};
pub use next::next_steps;
pub use report::{EvidenceLine, Report, State, TakenOver, report, report_with};
pub use stops::{Diagnosed, Stop};
pub use trail::{Attempt, Ended, StepLine, StepResult};
