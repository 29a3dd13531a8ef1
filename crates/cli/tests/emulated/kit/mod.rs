//! A site: emulated nodes, the files that lead the program to them, a terminal with a person at it.

mod carrier;
#[path = "../../../../platform/tests/windows_emulated/slapd.rs"]
mod directory;
mod person;
mod rehearsal;
mod script;
mod site;
mod terminal;

pub(crate) use carrier::Carrier;
pub(crate) use person::{attend, instruction};
pub(crate) use rehearsal::{rehearse, told};
pub(crate) use script::Script;
pub(crate) use site::{NODES, Setup, Site, said, words};
pub(crate) use terminal::{Event, KILLED, Prompt, Terminal, ended};
