//! Debian nodes in Pacemaker clusters, as a [`Platform`](crate::Platform).
//!
//! A node is asked in one round trip ([`probe`]); what it prints is read by [`crate::pacemaker`] and [`crate::debian`].

mod act;
mod cluster;
mod node;
pub(crate) mod paths;
mod probe;
mod resolve;
mod sections;
pub(crate) mod token;

pub use cluster::LinuxCluster;
