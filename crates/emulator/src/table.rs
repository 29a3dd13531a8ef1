//! The table of behaviours: which commands, switches and shell operators an emulated node knows.
//!
//! The table decides *whether* something is known; the modules under `commands` say what it then does. Nothing that
//! has no row gets as far as those modules.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// Program or word of the command interpreter; `shell` stands for the interpreter's operators.
    pub command: String,
    /// The form of a program that has several: `group` of `cluster group`.
    #[serde(default)]
    pub context: String,
    /// A switch or operator. Empty: the row is the command or form itself.
    #[serde(default)]
    pub switch: String,
    /// Whether and how the switch takes a value.
    #[serde(default)]
    pub value: Value,
    /// What it changes. None: it only looks.
    pub class: Option<Class>,
    /// How certain it is that Windows Server 2003 behaves so.
    pub mark: Mark,
    /// Where that was read.
    pub source: String,
}

impl Behaviour {
    /// The row's name in messages and tests: `cluster group /moveto`.
    #[must_use]
    pub fn id(&self) -> String {
        [&self.command, &self.context, &self.switch]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Whether and how a switch takes a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// It takes none.
    #[default]
    None,
    /// `/name:VALUE`.
    Colon,
    /// `/name` or `/name:VALUE`.
    MaybeColon,
    /// `/name VALUE`.
    Next,
}

/// What a command changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Files and directories.
    File,
    /// Scheduled tasks.
    Task,
    /// Registry values, start types.
    Setting,
    /// Services, started or stopped.
    Service,
    /// The cluster.
    Cluster,
    /// Installed software.
    Install,
    /// The machine's uptime.
    Restart,
    /// Something only a person at the console does.
    Console,
}

/// How certain a behaviour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Mark {
    /// Verified in the source named.
    #[serde(rename = "V")]
    Verified,
    /// Own knowledge.
    #[serde(rename = "O")]
    Own,
    /// Unsure.
    #[serde(rename = "U")]
    Unsure,
}

/// Why a table can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file isn't the TOML that is expected.
    #[error("the table of behaviours can't be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// Two rows say the same.
    #[error("the table of behaviours has two rows for `{0}`: remove one")]
    Twice(String),
}

/// All rows.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    rows: BTreeMap<(String, String, String), Behaviour>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} rows)", self.rows.len())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    behaviour: Vec<Behaviour>,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// When the text is no table, or has two rows for the same thing.
    pub fn read(text: &str) -> Result<Self, TableError> {
        let file: File = toml::from_str(text)?;
        let mut rows = BTreeMap::new();
        for row in file.behaviour {
            let id = row.id();
            if rows.insert((row.command.clone(), row.context.clone(), row.switch.clone()), row).is_some() {
                return Err(TableError::Twice(id));
            }
        }
        Ok(Self { rows })
    }

    /// The table that comes with this crate, `data/behaviours.toml`.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn embedded() -> Result<Self, TableError> {
        Self::read(include_str!("../data/behaviours.toml"))
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &Behaviour> {
        self.rows.values()
    }

    /// The same table without one row, named by [`Behaviour::id`]: what an earlier or a differently set up Windows knows.
    #[must_use]
    pub fn without(&self, id: &str) -> Self {
        Self {
            rows: self
                .rows
                .iter()
                .filter(|(_, row)| row.id() != id)
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        }
    }

    /// Whether anything is known of a command.
    pub(crate) fn knows(&self, command: &str) -> bool {
        self.rows.keys().any(|(c, _, _)| c == command)
    }

    /// The row of a command or of one of its forms.
    pub(crate) fn form(&self, command: &str, context: &str) -> Option<&Behaviour> {
        self.switch(command, context, "")
    }

    /// The row of a switch.
    pub(crate) fn switch(&self, command: &str, context: &str, switch: &str) -> Option<&Behaviour> {
        self.rows.get(&(command.to_owned(), context.to_owned(), switch.to_owned()))
    }

    /// Whether the interpreter knows an operator.
    pub(crate) fn operator(&self, operator: &str) -> bool {
        self.switch("shell", "", operator).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_its_source_and_certain_mutations_are_marked() {
        let table = Table::embedded().unwrap();
        assert!(table.rows().all(|row| !row.source.is_empty()));
        // What the fact sheets found no source for isn't there to be tried.
        assert!(!table.knows("certutil") && !table.knows("fciv") && !table.knows("powershell"));
    }

    #[test]
    fn a_row_written_twice_is_refused() {
        let row = "[[behaviour]]\ncommand = \"ver\"\nmark = \"V\"\nsource = \"x\"\n";
        assert!(matches!(Table::read(&format!("{row}{row}")), Err(TableError::Twice(id)) if id == "ver"));
    }

    #[test]
    fn without_takes_exactly_one_row_away() {
        let table = Table::embedded().unwrap();
        let less = table.without("cluster group /moveto");
        assert_eq!(less.rows().count() + 1, table.rows().count());
        assert!(less.switch("cluster", "group", "/moveto").is_none());
        assert!(less.switch("cluster", "group", "/wait").is_some());
    }
}
