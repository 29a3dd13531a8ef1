//! Faults: programmed for a node, by what they strike and at which occurrence.

use std::time::Duration;

/// A fault. It strikes once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The node it strikes. None: any.
    pub node: Option<String>,
    /// What it strikes: commands (for a lost connection: whole command lines) that hold this text, whatever its case. Set-up
    /// that a person runs is `console: PATH`.
    pub matching: String,
    /// The how manieth such command, from 1.
    pub nth: u32,
    /// What happens.
    pub what: FaultKind,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The command does nothing and fails.
    Fail {
        /// Its exit code.
        code: u32,
        /// What it prints.
        text: String,
    },
    /// The command does nothing and never ends.
    Hang,
    /// The connection drops before the command line begins.
    LostBefore,
    /// The command line is carried out, then the connection drops before its answer.
    LostAfter,
    /// The node loses power this long after the command has begun.
    PowerCut {
        /// How long.
        after: Duration,
    },
    /// An installer finds a file in use; its log says so.
    FileInUse {
        /// Which file.
        file: String,
        /// Whether the rest is installed all the same and the file waits for a restart; otherwise nothing is recorded.
        installed: bool,
    },
}

impl Fault {
    /// A fault at the first command on any node that holds the text.
    #[must_use]
    pub fn first(matching: impl Into<String>, what: FaultKind) -> Self {
        Self { node: None, matching: matching.into(), nth: 1, what }
    }

    /// The same for one node.
    #[must_use]
    pub fn on(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    fn strikes_lines(&self) -> bool {
        matches!(self.what, FaultKind::LostBefore | FaultKind::LostAfter)
    }
}

/// Faults that wait for their occasion.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<(Fault, u32)>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.waiting.push((fault, 0));
    }

    /// The fault that strikes a whole command line as it arrives.
    pub(crate) fn on_line(&mut self, node: &str, line: &str) -> Option<FaultKind> {
        self.strike(node, line, true)
    }

    /// The fault that strikes one command.
    pub(crate) fn on_command(&mut self, node: &str, command: &str) -> Option<FaultKind> {
        self.strike(node, command, false)
    }

    fn strike(&mut self, node: &str, text: &str, lines: bool) -> Option<FaultKind> {
        let text = text.to_lowercase();
        let mut struck = None;
        for (index, (fault, seen)) in self.waiting.iter_mut().enumerate() {
            let here = fault.node.as_ref().is_none_or(|n| n.eq_ignore_ascii_case(node));
            if fault.strikes_lines() == lines && here && text.contains(&fault.matching.to_lowercase()) {
                *seen += 1;
                if *seen >= fault.nth {
                    struck = Some(index);
                    break;
                }
            }
        }
        struck.map(|index| self.waiting.remove(index).0.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_once_at_its_occurrence_on_its_node() {
        let mut faults = Faults::default();
        faults.add(Fault { nth: 2, ..Fault::first("/moveto", FaultKind::Hang).on("NODE1") });
        assert_eq!(faults.on_command("NODE1", "cluster group EVS1 /MOVETO:NODE2"), None);
        assert_eq!(faults.on_command("NODE2", "cluster group EVS1 /moveto:NODE2"), None);
        assert_eq!(faults.on_line("NODE1", "cluster group EVS1 /moveto:NODE2"), None);
        assert_eq!(faults.on_command("node1", "cluster group EVS1 /moveto:NODE2"), Some(FaultKind::Hang));
        assert_eq!(faults.on_command("NODE1", "cluster group EVS1 /moveto:NODE2"), None);
    }
}
