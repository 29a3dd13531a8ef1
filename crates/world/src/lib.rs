//! What commands, faults and a cluster's own reactions do to an estate, in the estate's own words.
//!
//! A [`World`] is an estate as it truly is, which may be more than any probe sees. [`World::from_snapshot`] takes a
//! snapshot for the truth; [`World::observe`] gives back what probes would see, exactly. Between the two:
//!
//! | question | answer |
//! |---|---|
//! | what does a command do when all goes well? | [`World::command`] |
//! | in which states can it be found half done? | [`World::midway`], and [`World::finish`] goes on from there |
//! | what if the command goes wrong? | [`World::mishap`] |
//! | what if a node, or a resource, fails? | [`World::fault`], and [`World::repair`] ends it |
//! | was anything done that must never be done? | [`World::harm`] |
//! | where would the cluster put a node's groups? | [`World::predict_drain`] |
//! | what would be down if one more node failed? | [`World::exposures`], [`World::exposures_during`] |
//!
//! After everything that happens the cluster's own reactions run to quiescence at once: Pacemaker's scheduler
//! (`pacemaker`), the fail-over and failback of Windows server clusters (`windows`), and the services of servers that
//! stand alone (`stand_alone`). The world knows commands,
//! not plans or steps. It is part of the trusted base, and compared with `crm_simulate` and with real clusters.

mod act_cluster;
mod act_node;
mod command;
mod fault;
mod harm;
mod load;
mod members;
mod observe;
mod pacemaker;
mod pool;
mod predict;
mod settings;
mod settle;
mod stand_alone;
mod state;
mod windows;

#[cfg(test)]
mod tests;

pub use command::{Command, Refusal};
pub use fault::{Fault, Mishap};
pub use harm::{Harm, UpgradeFlaw};
pub use state::{ReleaseFacts, World};
