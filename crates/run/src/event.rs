//! What happens in a run, as it happens: the terminal view, `--format json` and the console read the same events.

use kaketsugi_estate::{ClusterId, GroupId, GroupState, Millis, ServerId};
use kaketsugi_plan::{Actor, StepId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Record;

/// One event, with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// When, by the controller's clock.
    pub at: Millis,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum What {
    /// A record is in the journal.
    Recorded {
        /// Its number, from 1.
        seq: u64,
        /// The record.
        entry: Record,
    },
    /// The run turns to a step.
    StepInWork {
        /// The step.
        step: StepId,
        /// What it does, in a sentence.
        title: String,
        /// Who does it.
        actor: Actor,
        /// Its place in the plan, from 1.
        number: usize,
        /// How many steps there are.
        of: usize,
        /// How long it usually takes, in seconds.
        expected_seconds: u32,
    },
    /// What the step is at: probing, waiting for a condition, running.
    Progress {
        /// The step.
        step: StepId,
        /// In words.
        doing: String,
    },
    /// Groups as the last probe saw them.
    Groups {
        /// By cluster and name: owner and state.
        groups: Vec<GroupLine>,
    },
    /// A node does not answer, or answers again.
    Reach {
        /// The node.
        node: ServerId,
        /// Whether it answers.
        reached: bool,
    },
    /// Something worth telling that is no record.
    Note {
        /// In words.
        text: String,
    },
}

/// One group as the last probe saw it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct GroupLine {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its name.
    pub group: GroupId,
    /// Who has it.
    pub owner: Option<ServerId>,
    /// Its state.
    pub state: GroupState,
    /// What its health command said.
    pub healthy: Option<bool>,
}
