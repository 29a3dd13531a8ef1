//! What the machine does when something is other than hoped: a case each.

mod before;
mod between;
mod looks;
mod people;
mod scene;
mod stops;
#[path = "../support/mod.rs"]
mod support;
mod work;
