//! The estate file: TOML that an administrator writes, read whole, with all its mistakes at once.
//!
//! [`parse`] goes three ways over a file: the `toml` crate's tables with the places of all keys and values, then each
//! table by itself, then what only the whole can show. Every mistake has a stable [`Code`], a place and
//! a help text. Serde alone would stop at the first.

mod access;
mod check;
mod code;
mod controller;
mod draft;
mod form;
mod hint;
mod mistake;
mod policy;
mod pools;
mod read;
mod sections;
mod words;
mod write;

use toml::de::DeTable;

pub use code::Code;
pub use controller::{ControllerFacts, controller_is_a_node};
pub use form::schema;
pub use mistake::{Mistake, Mistakes, Position};
pub use write::{Unwritable, to_toml};

use crate::Estate;
use read::Sink;

/// The longest file that is read, in bytes: an estate of a thousand servers has a fifth of it.
pub const BYTES_MAX: usize = 1 << 20;

/// Reads an estate file; `name` is what its mistakes call it. Waivers are not compared with the rule register.
///
/// # Errors
/// All mistakes of the file.
pub fn parse(name: &str, text: &str) -> Result<Estate, Mistakes> {
    read(name, text, None)
}

/// Reads an estate file and compares its waivers with the rules: `recommended` says of a rule's id whether the rule
/// is only recommended, and so can be waived; `None` where there is no such rule.
///
/// # Errors
/// All mistakes of the file.
pub fn parse_with_rules(
    name: &str,
    text: &str,
    recommended: &dyn Fn(&str) -> Option<bool>,
) -> Result<Estate, Mistakes> {
    read(name, text, Some(recommended))
}

fn read(name: &str, text: &str, rules: policy::Rules<'_>) -> Result<Estate, Mistakes> {
    if text.len() > BYTES_MAX {
        let message =
            format!("the file has {} bytes, and an estate file has at most {BYTES_MAX}", text.len());
        let help = "is this an estate file? A large estate can be split by cluster into several files";
        return Err(Mistakes::new(name, "", vec![Mistake::new(Code::TooBig, message, help)], 0));
    }
    let mut sink = Sink::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        sink.syntax(syntax(error));
    }
    let draft = sections::file(table.get_ref(), rules, &mut sink);
    check::check(&draft, &mut sink);
    let found = !sink.is_empty();
    match draft.finish() {
        Some(estate) if !found => Ok(estate),
        _ => {
            let (list, left_out) = sink.into_parts();
            Err(Mistakes::new(name, text, list, left_out).without_echoes())
        }
    }
}

fn syntax(error: &toml::de::Error) -> Mistake {
    let span = error.span().unwrap_or(0..0);
    if error.message() == "duplicate key" {
        let message = "the key or table is there twice";
        let help =
            "take one of the two out; several servers, clusters or groups each begin with double brackets";
        return Mistake::new(Code::DuplicateKey, message, help).at(&span, "again");
    }
    let help = "this is no TOML: look at quotes, brackets and equals signs on this line and the one before";
    Mistake::new(Code::Syntax, error.message(), help).at(&span, "here")
}
