//! Pacemaker: what its tools print, and what it means.
//!
//! All is read from machine-readable output: `crm_mon --output-as=xml`, `cibadmin --query`. Names of nodes here are the
//! cluster's; [`view::Names`] leads from them to the servers of the estate.

pub(crate) mod cib;
pub(crate) mod corosync;
mod digest;
mod history;
pub(crate) mod lock;
pub(crate) mod monitor;
mod placement;
mod score;
pub(crate) mod seen;
mod trouble;
pub(crate) mod units;
pub(crate) mod view;
mod xml;
