//! The evidence report of a run
