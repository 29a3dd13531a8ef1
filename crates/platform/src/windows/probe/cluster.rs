//! What a cluster says of itself, through the first node that speaks for it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use futures::join;
use kaketsugi_estate::{
    Cluster, ClusterSeen, GroupId, GroupRole, GroupSeen, GroupState, NodeSeen, NodeState, Placement,
    QuorumSeen, ResourceId, ResourceSeen, ResourceState, ServerId, Setting, SettingValue, Trouble,
};
use kaketsugi_knowledge::{Profile, VersionText};
use sha2::{Digest, Sha256};

use super::super::cluster::WindowsCluster;
use super::super::directory::{Directory, ServerObject};
use super::super::names::quoted;
use super::super::shell::{Shell, waits};
use super::table::{self, GroupRow, ResourceRow};
use crate::Error;

/// ERROR_ACCESS_DENIED (Win32).
const ACCESS_DENIED: u32 = 5;

/// What was learned of a cluster, and of its groups' failback.
pub(super) struct Learned {
    pub(super) seen: ClusterSeen,
    pub(super) failback: BTreeMap<Setting, SettingValue>,
}

/// A resource with what only `/prop`, `/listdep` and `/listowners` say.
struct Detail {
    row: ResourceRow,
    kind: String,
    depends: Vec<String>,
    owners: Vec<String>,
}

impl WindowsCluster {
    /// Asks the cluster. `running` are nodes whose cluster service runs, `stopped` those where it surely doesn't.
    /// None: nobody could answer.
    pub(super) async fn ask_cluster(
        &self,
        cluster: &Cluster,
        running: &[ServerId],
        stopped: &BTreeSet<ServerId>,
    ) -> Option<Learned> {
        for node in running {
            let Ok(shell) = self.shell(node) else { continue };
            match self.through(shell, cluster).await {
                Ok(Some(learned)) => return Some(learned),
                // Whoever carries the question brings the answer; it isn't asked of every node.
                Err(why) if waits(&why) => return None,
                // This node can't speak for the cluster; the next may.
                Ok(None) | Err(Error::Host { .. }) => {}
                Err(why) => return Some(unreadable(cluster, &why.to_string())),
            }
        }
        // Nobody answers and the service is stopped everywhere: the cluster is down, and that is known.
        cluster.nodes.iter().all(|n| stopped.contains(n)).then(|| down(cluster))
    }

    async fn through(&self, shell: &Shell, cluster: &Cluster) -> Result<Option<Learned>, Error> {
        let (said, groups, resources) =
            join!(shell.run("cluster node"), shell.run("cluster group"), shell.run("cluster res"));
        let said = said?;
        if said.code == ACCESS_DENIED {
            return Err(Error::NoPrivilege {
                host: shell.id.clone(),
                what: "Access is denied to the cluster. The account must be a member of the Administrators group on \
                       every node"
                    .into(),
            });
        }
        let Some(text) = said.good() else { return Ok(None) };
        let bad = |what: &str, row: table::BadRow| Error::Unreadable {
            host: shell.id.clone(),
            what: what.into(),
            why: row.why(),
        };
        let nodes = table::nodes(text).map_err(|row| bad("cluster node", row))?;
        let (groups, resources) = (groups?, resources?);
        let groups = table::groups(&groups.out).map_err(|row| bad("cluster group", row))?;
        let names: Vec<String> = groups.iter().map(|g| g.name.clone()).collect();
        let rows = table::resources(&resources.out, &names).map_err(|row| bad("cluster res", row))?;
        let details = join_all(rows.into_iter().map(|row| detail(shell, row)));
        let settings = join_all(groups.iter().map(|group| of_group(shell, group)));
        let (details, settings) = join!(details, settings);
        let details: Vec<Detail> = details.into_iter().collect::<Result<_, _>>()?;

        let mut learned = Learned {
            seen: ClusterSeen {
                kind: cluster.kind,
                nodes: nodes
                    .iter()
                    .filter_map(|n| Some((server(cluster, &n.name)?, node_seen(n.status))))
                    .collect(),
                quorum: QuorumSeen { has: Some(true), ..QuorumSeen::default() },
                groups: BTreeMap::new(),
                trouble: Vec::new(),
                configuration: None,
                lock: None,
                pool: None,
            },
            failback: BTreeMap::new(),
        };
        let mut configuration = String::new();
        for (group, settings) in groups.iter().zip(settings) {
            let (failback, preferred) = settings?;
            let Ok(id) = GroupId::new(group.name.clone()) else { continue };
            let own: Vec<&Detail> = details.iter().filter(|d| d.row.group == group.name).collect();
            let object = self.object(shell, cluster, &own).await?;
            configuration.push_str(&describe(&group.name, failback, &preferred, &own));
            match failback {
                Some(number) => {
                    learned.failback.insert(Setting::Failback(id.clone()), Some(number.to_string()));
                }
                None => learned.seen.trouble.push(Trouble::Unreadable { what: format!("failback of {id}") }),
            }
            let profile = self.profile(cluster);
            let seen = GroupSeen {
                role: role(&group.name, profile),
                owner: server(cluster, &group.node),
                state: group_state(group.status),
                resources: in_start_order(&own)
                    .into_iter()
                    .filter_map(|d| resource_seen(d, profile))
                    .collect(),
                placement: placement(cluster, &preferred, &own),
                version: build(&object),
                storage_groups: object.storage_groups,
                healthy: None,
            };
            learned.seen.groups.insert(id, seen);
        }
        learned.seen.configuration = Some(hex::encode(Sha256::digest(configuration)));
        Ok(Some(learned))
    }

    /// A virtual server's directory object, which is named after its network name. Empty for other groups, and where
    /// the directory says nothing.
    async fn object(
        &self,
        shell: &Shell,
        cluster: &Cluster,
        resources: &[&Detail],
    ) -> Result<ServerObject, Error> {
        let exchange =
            self.profile(cluster).is_some_and(|p| resources.iter().any(|d| p.is_product_type(&d.kind)));
        let network = resources.iter().find(|d| d.kind == "Network Name");
        let (Some(directory), Some(network), true) = (&self.directory, network, exchange) else {
            return Ok(ServerObject::default());
        };
        let Ok(name) = quoted(&network.row.name) else { return Ok(ServerObject::default()) };
        let private = shell.run(&format!("cluster res {name} /priv")).await?;
        let Some(server) = table::property(&private.out, &network.row.name, "Name") else {
            return Ok(ServerObject::default());
        };
        Ok(of_server(directory.as_ref(), &server).await)
    }
}

/// What the directory says of a server. Empty where it says nothing.
pub(super) async fn of_server(directory: &dyn Directory, server: &str) -> ServerObject {
    let said = directory.server(server).await.unwrap_or_else(|why| {
        tracing::warn!(%why, "the directory gave no answer");
        None
    });
    said.unwrap_or_default()
}

/// A version as the directory writes it, as a build.
pub(super) fn build(object: &ServerObject) -> Option<String> {
    let version = object.serial_number.as_deref()?.parse::<VersionText>().ok()?;
    Some(version.build.to_string())
}

/// A group's failback and preferred owners.
async fn of_group(shell: &Shell, group: &GroupRow) -> Result<(Option<u32>, Vec<String>), Error> {
    let name = quoted(&group.name).map_err(|why| Error::Unreadable {
        host: shell.id.clone(),
        what: "a group's name".into(),
        why: why.to_string(),
    })?;
    let (properties, owners) =
        (format!("cluster group {name} /prop"), format!("cluster group {name} /listowners"));
    let (properties, owners) = join!(shell.run(&properties), shell.run(&owners));
    let failback = table::property(&properties?.out, &group.name, "AutoFailbackType");
    Ok((failback.as_deref().and_then(table::number), table::names(&owners?.out).unwrap_or_default()))
}

async fn detail(shell: &Shell, row: ResourceRow) -> Result<Detail, Error> {
    let unreadable = |what: &str| Error::Unreadable {
        host: shell.id.clone(),
        what: format!("{what} of resource {}", row.name),
        why: "its answer has no such line".into(),
    };
    let name = quoted(&row.name).map_err(|why| unreadable(&why.to_string()))?;
    let [properties, depends, owners] =
        ["prop", "listdep", "listowners"].map(|what| format!("cluster res {name} /{what}"));
    let (properties, depends, owners) =
        join!(shell.run(&properties), shell.run(&depends), shell.run(&owners));
    let (properties, depends, owners) = (properties?, depends?, owners?);
    let kind = table::property(&properties.out, &row.name, "Type").ok_or_else(|| unreadable("the type"))?;
    let group = [row.group.clone()];
    let depends = match table::resources(&depends.out, &group) {
        Ok(rows) => rows.into_iter().map(|r| r.name).collect(),
        Err(_) => return Err(unreadable("the dependencies")),
    };
    let owners = table::names(&owners.out).ok_or_else(|| unreadable("the possible owners"))?;
    Ok(Detail { row, kind, depends, owners })
}

/// Names in the cluster's own spelling are the estate's, whatever the case.
fn server(cluster: &Cluster, name: &str) -> Option<ServerId> {
    let known = cluster.nodes.iter().find(|n| n.as_str().eq_ignore_ascii_case(name));
    known.cloned().or_else(|| ServerId::new(name).ok())
}

fn node_seen(status: &str) -> NodeSeen {
    NodeSeen {
        state: match status {
            "Up" => NodeState::Online,
            "Paused" => NodeState::Standby,
            "Joining" => NodeState::Pending,
            _ => NodeState::Offline,
        },
    }
}

fn group_state(status: &str) -> GroupState {
    match status {
        "Online" => GroupState::Online,
        "Partially Online" => GroupState::Partial,
        "Offline" => GroupState::Offline,
        "Failed" => GroupState::Failed,
        _ => GroupState::Pending,
    }
}

fn role(group: &str, profile: Option<&Profile>) -> GroupRole {
    let quorum = profile.and_then(|p| p.cluster_group.as_deref()).unwrap_or("Cluster Group");
    if group.eq_ignore_ascii_case(quorum) { GroupRole::ClusterGroup } else { GroupRole::Service }
}

fn resource_seen(detail: &Detail, profile: Option<&Profile>) -> Option<ResourceSeen> {
    let state = match detail.row.status {
        "Online" => ResourceState::Online,
        "Offline" => ResourceState::Offline,
        "Failed" => ResourceState::Failed,
        _ => ResourceState::Pending,
    };
    Some(ResourceSeen {
        id: ResourceId::new(detail.row.name.clone()).ok()?,
        kind: detail.kind.clone(),
        state,
        kept_online: profile.is_some_and(|p| p.is_kept_online(&detail.kind)),
    })
}

/// Resources before those that stand on them; in a circle, which the cluster doesn't allow, as they were listed.
fn in_start_order<'a>(details: &[&'a Detail]) -> Vec<&'a Detail> {
    let mut left: Vec<&Detail> = details.to_vec();
    let mut ordered: Vec<&Detail> = Vec::new();
    while !left.is_empty() {
        let ready = |d: &Detail| !left.iter().any(|other| d.depends.contains(&other.row.name));
        let at = left.iter().position(|d| ready(d)).unwrap_or(0);
        ordered.push(left.remove(at));
    }
    ordered
}

/// Every node that all resources may have; the preferred ones before the others.
fn placement(cluster: &Cluster, preferred: &[String], resources: &[&Detail]) -> Placement {
    let possible = |node: &ServerId| {
        resources.iter().all(|d| d.owners.iter().any(|o| o.eq_ignore_ascii_case(node.as_str())))
    };
    let score = |node: &ServerId| {
        let place = preferred.iter().position(|p| p.eq_ignore_ascii_case(node.as_str()));
        place.map_or(0, |at| i32::try_from(preferred.len() - at).unwrap_or(i32::MAX))
    };
    let scores = cluster.nodes.iter().filter(|n| possible(n)).map(|n| (n.clone(), score(n))).collect();
    Placement { scores, ..Placement::default() }
}

/// What of a group's configuration must be the same at the end.
fn describe(name: &str, failback: Option<u32>, preferred: &[String], resources: &[&Detail]) -> String {
    let mut text = format!("{name}\t{failback:?}\t{preferred:?}\n");
    for detail in resources {
        text.push_str(&format!(
            "\t{}\t{}\t{:?}\t{:?}\n",
            detail.row.name, detail.kind, detail.depends, detail.owners
        ));
    }
    text
}

fn empty(cluster: &Cluster, has: Option<bool>, trouble: Vec<Trouble>) -> Learned {
    let seen = ClusterSeen {
        kind: cluster.kind,
        nodes: BTreeMap::new(),
        quorum: QuorumSeen { has, ..QuorumSeen::default() },
        groups: BTreeMap::new(),
        trouble,
        configuration: None,
        lock: None,
        pool: None,
    };
    Learned { seen, failback: BTreeMap::new() }
}

fn down(cluster: &Cluster) -> Learned {
    let mut learned = empty(cluster, Some(false), vec![Trouble::NoQuorum]);
    let offline = NodeSeen { state: NodeState::Offline };
    learned.seen.nodes = cluster.nodes.iter().map(|n| (n.clone(), offline.clone())).collect();
    learned
}

fn unreadable(cluster: &Cluster, why: &str) -> Learned {
    empty(cluster, None, vec![Trouble::Unreadable { what: why.to_owned() }])
}
