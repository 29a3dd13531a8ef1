//! The platform on a real cluster: nodes, corosync, Pacemaker, dpkg and power as they are.

mod freeze;
mod kit;
mod locks;
mod members;
mod packages;
mod probe;
