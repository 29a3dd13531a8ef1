//! The form of the file as types: for its JSON schema, and for writing it. Reading has its own code (`sections`),
//! because serde stops at the first mistake; a test holds the two together.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Account, ClusterId, ClusterKind, DirectoryAccess, EvidenceKind, GroupId, Health, MediaEntry, Os, Policy,
    PoolId, Product, RehearsalGroup, RehearsalNode, Role, ServerId, TransportKind,
};

/// An estate: the servers and clusters that one administrator mends together, and what is allowed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Kaketsugi estate file")]
pub(super) struct FileForm {
    /// What the administrator calls the estate.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Servers.
    #[schemars(length(min = 1))]
    pub server: Vec<ServerForm>,
    /// Clusters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster: Vec<ClusterForm>,
    /// Pools of load-balanced servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pool: Vec<PoolForm>,
    /// What is allowed, and how cautious a run is.
    #[serde(default)]
    pub policy: Policy,
    /// Evidence that the administrator brings along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceForm>,
    /// Files of releases that the administrator has, with their digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediaEntry>,
    /// Where the versions of Exchange virtual servers are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectoryAccess>,
    /// Under which account detached work runs on Windows nodes. Without it: the node's own SYSTEM account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_tasks: Option<Account>,
    /// How emulated nodes start in `rehearse`; no part of a real run.
    #[serde(default, skip_serializing_if = "RehearsalForm::is_empty")]
    pub rehearsal: RehearsalForm,
}

/// How a server is reached and what it is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Server")]
pub(super) struct ServerForm {
    /// Its name; for a node the one its cluster knows it by (Pacemaker: `crm_node -n`; Windows: the computer's name).
    pub name: ServerId,
    /// Host name, IP address or alias of ssh_config, with the port behind a colon where it isn't the usual one.
    #[schemars(length(min = 1))]
    pub address: String,
    /// The account to log in with. Without it: what ssh_config or the system says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether commands that need root go through `sudo -n`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub r#become: bool,
    /// What runs on it.
    pub product: Product,
    /// Its operating system. Can be left out where the product has only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<Os>,
    /// How commands reach it. Without it: `ssh` for Linux, `operator` for Windows 2000 and 2003.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<TransportKind>,
    /// What it does for its product. `node` comes by itself with the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// Of a server of Exchange that stands alone: how to see that its users are served. Without it: its services' word
    /// is all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// What a file may say of [`ClusterForm::kind`]: a server that stands alone is in no such table.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ClusterKind")]
#[expect(dead_code, reason = "only its schema is of use")]
pub(super) enum ClusterSoftware {
    /// Pacemaker on corosync.
    Pacemaker,
    /// Microsoft Cluster Server: Windows 2000 and 2003.
    Windows,
}

/// A cluster.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Cluster")]
pub(super) struct ClusterForm {
    /// Its name.
    pub name: ClusterId,
    /// Which cluster software.
    #[schemars(with = "ClusterSoftware")]
    pub kind: ClusterKind,
    /// Its nodes, by the servers' names: 2 to 16 with Pacemaker, 2 to 8 with Windows.
    #[schemars(length(min = 2, max = 16))]
    pub nodes: Vec<ServerId>,
    /// What is said of its groups. Groups that aren't named here are found by probing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<GroupForm>,
}

/// What the administrator says of a group (Exchange: of a virtual server).
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Group")]
pub(super) struct GroupForm {
    /// Its name, as the cluster knows it.
    pub name: GroupId,
    /// Nodes that it prefers, first choice first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preferred: Vec<ServerId>,
    /// How to see that its users are served. Without it: the cluster's word is all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// Front-end servers of Exchange that stand alone and serve the same users: a balancer gives each request to one of them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Pool")]
pub(super) struct PoolForm {
    /// Its name.
    pub name: PoolId,
    /// Its servers, by their names.
    #[schemars(length(min = 2))]
    pub servers: Vec<ServerId>,
    /// Command line on a server that prints `in` where the balancer gives it requests, and `out` where it doesn't. Anything
    /// else: nobody knows.
    #[schemars(length(min = 1))]
    pub state: String,
    /// Command line on a server that has the balancer give it no more requests, also after a restart. Without it: a
    /// person sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub out: Option<String>,
    /// Command line on a server that has the balancer give it requests again. Without it: a person sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub r#in: Option<String>,
}

/// Evidence that the administrator brings along.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Evidence")]
pub(super) struct EvidenceForm {
    /// Of what.
    pub kind: EvidenceKind,
    /// When it came to be: RFC 3339, with offset.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// Who or what vouches for it.
    #[schemars(length(min = 1))]
    pub by: String,
}

/// How emulated nodes start in `rehearse`.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Rehearsal")]
pub(super) struct RehearsalForm {
    /// Nodes by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<ServerId, RehearsalNode>,
    /// Groups by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<GroupId, RehearsalGroup>,
}

impl RehearsalForm {
    fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.groups.is_empty()
    }
}

/// The JSON schema of estate files, as it is published in `docs/schema/estate.schema.json`.
#[must_use]
pub fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let schema = settings.into_generator().into_root_schema_for::<FileForm>();
    // Maps of strings, numbers and lists: writing them can't fail.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// TOML has no null: a key that may be left out is left out.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            schema.ensure_object().extend(only);
        }
    }
}
