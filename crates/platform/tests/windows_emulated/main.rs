//! The Windows platform against emulated nodes, over real SSH.

mod actions;
mod kit;
mod locks;
mod probes;
mod procedure;
mod trouble;
