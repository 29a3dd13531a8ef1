//! The cluster's lock: a property set of its own in the CIB, under a fixed id.
//!
//! `cibadmin --create` fails when the id exists, and the cluster applies changes one after the other: of two runs that
//! try at the same time, one gets it. Pacemaker reads no property of this name, so nothing is placed otherwise.

/// The id of the property set.
pub(crate) const LOCK_ID: &str = "kaketsugi-lock";
