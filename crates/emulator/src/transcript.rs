//! What each node and the person were told that changes something, in the order in which it arrived.

use std::fmt;

use crate::table::Class;

/// Who was told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// A node, by a command.
    Node(String),
    /// The person, for a node or for the estate as a whole.
    Person(String),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) => f.write_str(name),
            Self::Person(at) => write!(f, "person at {at}"),
        }
    }
}

/// One line of the transcript.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Who was told.
    pub actor: Actor,
    /// What kind of change it asks for.
    pub class: Class,
    /// The command as it arrived, variables filled in, or the instruction.
    pub text: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.actor, self.text)
    }
}

/// All lines so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// In the order of arrival.
    pub entries: Vec<Entry>,
}

impl Transcript {
    /// The lines that change the cluster, its nodes' software, services, settings or uptime; files and scheduled tasks,
    /// with which any remote control keeps its own books, are left out.
    #[must_use]
    pub fn of_consequence(&self) -> Vec<String> {
        self.entries
            .iter()
            .filter(|e| !matches!(e.class, Class::File | Class::Task))
            .map(ToString::to_string)
            .collect()
    }
}
