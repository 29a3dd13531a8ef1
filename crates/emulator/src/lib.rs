//! Emulated Windows Server 2003 nodes with cluster service and Exchange 2003, behind real SSH servers.
//!
//! The nodes know commands, not who sends them. Which commands and switches they know stands in a table with sources
//! and marks of certainty, `data/behaviours.toml` ([`Table`]); everything else is rejected as Windows would reject it.
//! What needs a person at the console (set-up of a service pack, the upgrade of a virtual server) only the emulated
//! [`Person`] does, promptly or not.
//!
//! - [`EmulationSpec`] — what the cluster is like at first, by hand or from an estate; [`Emulation::start`] starts it,
//!   [`Emulation::estate`] is the estate as it is reached there.
//! - [`Emulation::transcript`], [`Emulation::truth`], [`Emulation::directory`] — what it was told, and what came of it.
//! - [`Fault`], [`Emulation::power_off`] — what goes wrong.
//!
//! What survives a power cut: disks, registry, start types, scheduled tasks, the cluster's configuration, the
//! directory. What doesn't: processes, connections, membership. The emulation shows orchestration, codes, faults and
//! order; it can't show that scripts match a real Windows beyond what the table's sources say.

mod balancer;
mod cluster;
mod commands;
mod disk;
mod emulation;
mod fault;
mod node;
mod person;
mod registry;
mod rehearsal;
mod shell;
mod spec;
mod ssh;
mod state;
mod table;
mod transcript;
mod truth;

pub use emulation::{Answer, Emulation, LIMITED_USER, StartError, USER};
pub use fault::{Fault, FaultKind};
pub use node::Event;
pub use person::{Behaviour, Instruction, Person, Reply};
pub use rehearsal::RehearsalError;
pub use spec::{
    Balancer, CodePage, EmulationSpec, FileSpec, GroupKind, GroupSpec, NodeSpec, Package, Program, Timing,
    installer_bytes,
};
pub use state::Directory;
pub use table::{Behaviour as TableRow, Class, Mark, Table, TableError, Value};
pub use transcript::{Actor, Entry, Transcript};
pub use truth::{GroupTruth, NodeTruth, Truth};
