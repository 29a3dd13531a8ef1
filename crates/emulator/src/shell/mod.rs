//! The command interpreter of Windows Server 2003, as far as the table of behaviours has rows for it.
//!
//! [`expand`] puts variables in, [`parse`] makes a tree of the line, [`run`] carries it out, each [`command`] with its
//! [`streams`]; [`batch`] does so line by line.

mod batch;
mod command;
mod expand;
mod parse;
mod run;
mod streams;

pub(crate) use parse::words;
pub(crate) use run::{Cut, Flow, Shell};
pub(crate) use streams::disk_text;
