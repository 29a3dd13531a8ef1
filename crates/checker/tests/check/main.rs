//! Plans that are right are safe, with the number of states pinned; plans that were broken on purpose are found.
#![expect(clippy::unwrap_used, reason = "a test that can't make its plan has failed")]

mod broken;
mod large;
#[path = "../../../planner/tests/testkit/mod.rs"]
mod planned;
mod right;
mod testkit;
