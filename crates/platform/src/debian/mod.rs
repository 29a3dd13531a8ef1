//! Debian packages: what is installed, what would be, and how it gets there.

pub(crate) mod apt;
pub(crate) mod dpkg;
pub(crate) mod freeze;
mod version;
