//! A plan: immutable, with the snapshot and the policy it was made from.

use std::collections::BTreeSet;

use kaketsugi_estate::{ClusterId, Estate, GroupId, PoolId, ServerId, Snapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Payload, PlanHash, Step, StepId};

/// Version of the plan file's form.
pub const SCHEMA: u32 = 1;

/// Version of the rules by which a run carries out a plan; a run begun under another one is refused clearly.
pub const RULES_VERSION: u32 = 1;

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Kaketsugi plan")]
pub struct Plan {
    /// Version of the form: [`SCHEMA`].
    pub schema: u32,
    /// Version of the rules: [`RULES_VERSION`].
    pub rules_version: u32,
    /// The plan that this one follows, within the same run.
    pub parent: Option<PlanHash>,
    /// What the administrator wrote, policy included.
    pub estate: Estate,
    /// What was seen when the plan was made.
    pub snapshot: Snapshot,
    /// What is to be installed.
    pub payload: Payload,
    /// The steps, in an order in which they can be carried out one after the other.
    pub steps: Vec<Step>,
    /// Why: for every server and every order.
    pub reasons: Vec<Reason>,
    /// The section of the document, or the procedure, that is followed (ALL-NOTES-AND-SECTION).
    pub section: String,
}

/// Why something is in the plan, is where it is, or isn't there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The server it speaks of.
    pub server: ServerId,
    /// Typed, so that each kind has one sentence.
    #[serde(flatten)]
    pub kind: ReasonKind,
}

/// The kinds of reasons.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "why")]
#[expect(missing_docs, reason = "the fields name servers and groups")]
pub enum ReasonKind {
    /// It carries nothing, so nobody notices.
    CarriesNothing,
    /// It is half-done, so it is completed before another node is touched.
    HalfDone,
    /// It carries the fewest groups of those that are left.
    FewestGroups { groups: Vec<GroupId> },
    /// It carries these groups, which stay there: its set-up works where they are, and before that of the others
    /// (E55-CLU-ACTIVE-FIRST).
    ActiveFirst { groups: Vec<GroupId> },
    /// It has the Standard Edition, on a cluster: that is said and not refused (ALL-SCOPE).
    StandardOnCluster,
    /// Nothing is left to do.
    AlreadyInstalled,
    /// It waits until another server is back, because only one node is out at a time.
    OneAtATime { after: ServerId },
    /// Its groups can only go to a patched node once this one is patched.
    NeedsPatchedNode { node: ServerId },
    /// It was found in standby and stays so.
    StaysInStandby,
    /// Nothing takes over what it carries.
    StandsAlone,
    /// It is a front-end server: those are upgraded before the first back-end server (E03-FE-FIRST, E00-FE-FIRST).
    FrontEnd,
    /// It is balanced in a pool: its servers are taken out, each is upgraded, and only then are they brought back
    /// (E03-FE-TOGETHER).
    PoolTogether { pool: PoolId },
    /// It is balanced in a pool, whose other servers serve meanwhile.
    PoolOneByOne { pool: PoolId },
    /// It was found out of its pool and stays so.
    StaysOut { pool: PoolId },
    /// No server of its pool was found in it, so that it is brought in at the end.
    PoolWasOut { pool: PoolId },
    /// It is a back-end server, and waits for all front-end servers.
    AfterFrontEnds { servers: Vec<ServerId> },
}

impl Plan {
    /// Canonical JSON: struct fields in their order, maps sorted, no blanks.
    #[must_use]
    pub fn canonical(&self) -> String {
        // Plans hold only strings, numbers, lists and maps with string keys: serialising can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The plan's name.
    #[must_use]
    pub fn hash(&self) -> PlanHash {
        PlanHash::of(self.canonical().as_bytes())
    }

    /// The servers that have to be looked at for a step: those that it and its conditions name, and all nodes of their
    /// clusters, since one partition's word about itself is not enough. Empty: it names none, and is about the whole
    /// estate.
    #[must_use]
    pub fn scope(&self, step: &Step) -> BTreeSet<ServerId> {
        let conditions = step.requires.iter().chain(&step.expects).chain(&step.when);
        let named: Vec<(Option<&ServerId>, Option<&ClusterId>)> = conditions
            .map(|condition| (condition.node(), condition.cluster()))
            .chain([(step.action.node(), step.action.cluster())])
            .collect();
        let mut servers: BTreeSet<ServerId> = named.iter().filter_map(|(node, _)| (*node).cloned()).collect();
        for (id, cluster) in &self.estate.clusters {
            let is_named = named.iter().any(|(_, named)| *named == Some(id));
            if is_named || cluster.nodes.iter().any(|node| servers.contains(node)) {
                servers.extend(cluster.nodes.iter().cloned());
            }
        }
        servers
    }

    /// The step of that name.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|s| s.id == *id)
    }
}
