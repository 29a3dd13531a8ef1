//! Debian nodes in Pacemaker clusters, as a [`Platform`](crate::Platform).
//!
//! | question | file |
//! |---|---|
//! | what is there? | [`probe`] asks in one round trip, [`node`] reads; [`crate::pacemaker`] and [`crate::debian`] know what it means |
//! | what would an update install? | [`resolve`] |
//! | what does a step do on its node? | [`actions`], and a script each in `scripts/` |
//! | how is it begun, and how far is it? | [`job`] |
//! | who may act? | [`lock`], [`token`] |

mod actions;
mod cluster;
mod job;
mod lock;
mod node;
pub(crate) mod paths;
mod probe;
mod resolve;
mod sections;
pub(crate) mod token;

pub use cluster::LinuxCluster;
