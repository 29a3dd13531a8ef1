//! Kinds of faults and their moments, as the coverage table has them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Kinds of faults, as the coverage table has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// None: the step as it is meant to go.
    None,
    /// The command fails before it did anything.
    FailsBefore,
    /// The command fails half-way.
    FailsHalfway,
    /// The command never ends.
    Hangs,
    /// It is done, but the answer is lost.
    AnswerLost,
    /// The connection breaks while it is at work.
    ConnectionDrops,
    /// A file is in use.
    FileInUse,
    /// The command doesn't reach its node.
    NotSent,
    /// A person says done when it isn't.
    PersonLies,
    /// A person does it and doesn't say so.
    PersonForgets,
    /// A person says that it can't be done.
    PersonCannot,
    /// Nobody is there to be asked.
    PersonAbsent,
    /// A node loses its power and comes back by itself.
    PowerLostReturns,
    /// A node loses its power and stays down until it is repaired.
    PowerLostStays,
    /// A node neither answers nor hears anybody.
    CutOff,
    /// A resource can't start where the group is going.
    StartFails,
    /// A group can't be stopped where it is.
    StopFails,
    /// Two days pass.
    LongPause,
}

impl FaultKind {
    /// All of them, none included.
    pub const ALL: [Self; 18] = [
        Self::None,
        Self::FailsBefore,
        Self::FailsHalfway,
        Self::Hangs,
        Self::AnswerLost,
        Self::ConnectionDrops,
        Self::FileInUse,
        Self::NotSent,
        Self::PersonLies,
        Self::PersonForgets,
        Self::PersonCannot,
        Self::PersonAbsent,
        Self::PowerLostReturns,
        Self::PowerLostStays,
        Self::CutOff,
        Self::StartFails,
        Self::StopFails,
        Self::LongPause,
    ];
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no fault",
            Self::FailsBefore => "it fails before it does anything",
            Self::FailsHalfway => "it fails half-way",
            Self::Hangs => "it hangs",
            Self::AnswerLost => "it is done, but the answer is lost",
            Self::ConnectionDrops => "the connection breaks",
            Self::FileInUse => "a file is in use",
            Self::NotSent => "the command doesn't reach its node",
            Self::PersonLies => "a person says done when it isn't",
            Self::PersonForgets => "a person does it and doesn't say so",
            Self::PersonCannot => "a person can't do it",
            Self::PersonAbsent => "nobody is there to be asked",
            Self::PowerLostReturns => "a node loses its power and comes back",
            Self::PowerLostStays => "a node loses its power and stays down",
            Self::CutOff => "a node is cut off",
            Self::StartFails => "a resource can't start",
            Self::StopFails => "a group can't be stopped",
            Self::LongPause => "two days pass",
        })
    }
}

/// When in a step a fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before the last look at its conditions.
    Before,
    /// While it is at work.
    Amid,
    /// After its work, before it is known to be done.
    After,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::Amid => "amid",
            Self::After => "after",
        })
    }
}
