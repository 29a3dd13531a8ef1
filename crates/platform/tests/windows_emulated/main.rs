//! The Windows platform against emulated nodes, over real SSH.

mod actions;
mod directory;
mod kit;
mod locks;
mod probes;
mod procedure;
mod slapd;
mod trouble;
