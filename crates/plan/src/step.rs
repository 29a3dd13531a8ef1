//! One step of a plan.

use std::fmt;

use kaketsugi_estate::{ClusterId, GroupId, ServerId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Action, Actor, Condition};

/// A step's name: rule or action, target, ordinal. The same in every rendering, event and journal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String")]
pub struct StepId(std::sync::Arc<str>);

impl From<String> for StepId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<StepId> for String {
    fn from(id: StepId) -> Self {
        id.as_str().to_owned()
    }
}

impl StepId {
    /// From its text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// What it does.
    pub action: Action,
    /// Who does it.
    pub actor: Actor,
    /// What a person is told, or what the machine's work means, in a sentence.
    pub title: String,
    /// For operator steps: the exact instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// Steps that end before this one begins.
    pub after: Vec<StepId>,
    /// Read once when the step's turn comes; no: the step is skipped, and says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Must hold right before.
    pub requires: Vec<Condition>,
    /// Prove it done.
    pub expects: Vec<Condition>,
    /// Rules and articles because of which it exists.
    pub cites: Vec<String>,
    /// Groups whose users are cut off by it.
    pub interrupts: Vec<Interruption>,
    /// Groups that one node's failure would take down while it is carried out.
    pub exposes: Vec<Exposure>,
    /// What may be done when it was begun and its end isn't known.
    pub recovery: Recovery,
    /// Whether there is no way back after it.
    pub point_of_no_return: bool,
    /// Nodes that may not answer while it is carried out; there unknown means not yet.
    pub unreachable: Vec<ServerId>,
    /// How long it usually takes, in seconds.
    pub expected_seconds: u32,
    /// After this many seconds it counts as stuck.
    pub timeout_seconds: u32,
}

/// A time in which a group's users are cut off.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Interruption {
    /// In which cluster.
    pub cluster: ClusterId,
    /// Which group.
    pub group: GroupId,
    /// What this step does to the group's users.
    pub phase: Phase,
    /// How long, in seconds, as far as can be told.
    pub expected_seconds: u32,
}

/// How a step takes part in an interruption that may span several steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It begins and ends within the step: serving, not serving, serving.
    Whole,
    /// It begins with the step and lasts on.
    Begins,
    /// It goes on.
    LastsOn,
    /// It ends with the step.
    Ends,
}

/// Groups that one node's failure would take down, with no other node to carry them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Exposure {
    /// The node whose failure is meant.
    pub node: ServerId,
    /// The groups that would be down.
    pub groups: Vec<GroupId>,
}

/// What may be done with a step that was begun and whose end isn't known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// Do it again: it does no harm twice.
    Redo,
    /// Take it back, then do it again.
    Undo,
    /// It can only be completed (an interrupted package manager: configure what is unpacked).
    ForwardOnly,
    /// A person decides.
    Ask,
}
