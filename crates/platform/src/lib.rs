//! Probe, act, verify: what a product's commands mean, in a module per platform.
//!
//! The runner speaks to platforms through three traits' worth of questions, all answered over a
//! [`Host`](kaketsugi_transport::Host): what is there ([`Platform::probe`]), do this ([`Platform::begin`]), how far is
//! it ([`Platform::poll`]). Every machine step runs on its node under a handle derived from run, step and attempt,
//! detached from the connection: [`Platform::poll`] can always tell *not begun*, *running* and *ended* apart.
//!
//! [`ByHand`] is any of them where a person carries the looks. [`LinuxCluster`] is Debian nodes in Pacemaker clusters, [`windows`] server clusters of Windows Server 2003.

mod by_hand;
mod debian;
mod linux;
mod pacemaker;
mod platform;
pub mod windows;

pub use by_hand::ByHand;
pub use linux::LinuxCluster;
pub use platform::{Begun, Error, Order, Platform, Progress, Question};
