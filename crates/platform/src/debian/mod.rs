//! Debian packages: what is installed, what would be, and how it gets there.

pub(crate) mod dpkg;
mod version;
