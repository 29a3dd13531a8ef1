//! What serves users on a server that stands alone: the product's services.

use std::collections::BTreeMap;

use futures::future::join_all;
use kaketsugi_estate::{
    Cluster, ClusterSeen, GroupId, GroupRole, GroupSeen, GroupState, NodeSeen, NodeState, Placement,
    QuorumSeen, ResourceId, ResourceSeen, ResourceState, ServerId, Trouble,
};
use sha2::{Digest, Sha256};

use super::super::cluster::WindowsCluster;
use super::super::shell::{Shell, waits};
use super::cluster::{Learned, build, of_server};
use super::settings::{self, Asked, RUNNING, STOPPED};
use crate::Error;

/// The start type of a service that starts with the system.
const AUTOMATIC: u32 = 2;

/// What a pool's `state` says. Words, because an exit code is also what a command has that isn't there.
const GIVEN: &str = "in";
const NOT_GIVEN: &str = "out";

impl WindowsCluster {
    /// Asks a server for the product's services that start by themselves. None: a person has yet to bring the answer.
    pub(super) async fn ask_alone(&self, cluster: &Cluster) -> Option<Learned> {
        let server = cluster.nodes.first()?;
        let shell = self.shell(server).ok()?;
        match self.services(shell, cluster).await {
            Ok((resources, trouble)) => {
                let object = match &self.directory {
                    Some(directory) => of_server(directory.as_ref(), server.as_str()).await,
                    None => Default::default(),
                };
                let mut learned = learned(cluster, server, resources, build(&object));
                learned.seen.trouble.extend(trouble);
                self.ask_balancer(shell, server, &mut learned.seen).await?;
                Some(learned)
            }
            Err(why) if waits(&why) => None,
            Err(why) => {
                let mut learned = learned(cluster, server, Vec::new(), None);
                learned.seen.trouble =
                    vec![Trouble::Unreadable { what: format!("Exchange's services: {why}") }];
                Some(learned)
            }
        }
    }

    /// Asks by the administrator's command whether a server of a pool is given requests. None: it can't be asked.
    async fn ask_balancer(&self, shell: &Shell, server: &ServerId, seen: &mut ClusterSeen) -> Option<()> {
        let Some((id, pool)) = self.estate.pool_of(server) else { return Some(()) };
        let said = shell.run(&pool.state).await.ok()?;
        let state = match said.good().map(str::trim) {
            Some(word) if word.eq_ignore_ascii_case(GIVEN) => NodeState::Online,
            Some(word) if word.eq_ignore_ascii_case(NOT_GIVEN) => NodeState::Standby,
            _ => {
                let what = format!(
                    "whether {id} gives {server} requests: `{}` ended with {} and said neither `{GIVEN}` nor `{NOT_GIVEN}`: {}",
                    pool.state,
                    said.code,
                    said.all()
                );
                seen.trouble.push(Trouble::Unreadable { what });
                NodeState::Pending
            }
        };
        seen.nodes.insert(server.clone(), NodeSeen { state });
        seen.pool = Some(id.clone());
        Some(())
    }

    /// Those that start by themselves, and what of them could not be told. The others come and go as they are needed.
    async fn services(
        &self,
        shell: &Shell,
        cluster: &Cluster,
    ) -> Result<(Vec<ResourceSeen>, Vec<Trouble>), Error> {
        let known = self.profile(cluster).map(|profile| profile.resources.as_slice()).unwrap_or_default();
        let asked = join_all(known.iter().map(|resource| async move {
            let name = resource.resource_type.as_str();
            Ok::<_, Error>((name, settings::ask(shell, name).await?))
        }));
        let (mut services, mut trouble) = (Vec::new(), Vec::new());
        for answer in asked.await {
            let (name, asked) = answer?;
            let state = match asked {
                Asked::There { start: AUTOMATIC, state } => state,
                Asked::There { .. } | Asked::Missing => continue,
                Asked::Unreadable(said) => {
                    trouble.push(Trouble::Unreadable { what: format!("the service {name}: {said}") });
                    continue;
                }
            };
            let Ok(id) = ResourceId::new(name) else { continue };
            services.push(ResourceSeen {
                id,
                kind: name.to_owned(),
                state: of_number(state),
                kept_online: false,
            });
        }
        Ok((services, trouble))
    }
}

fn learned(
    cluster: &Cluster,
    server: &ServerId,
    resources: Vec<ResourceSeen>,
    version: Option<String>,
) -> Learned {
    let configuration: String =
        resources.iter().map(|service| format!("{}\t{AUTOMATIC}\n", service.id)).collect();
    let trouble = match resources.is_empty() {
        true => vec![Trouble::Unreadable { what: "Exchange's services: none was found".into() }],
        false => Vec::new(),
    };
    let group = GroupSeen {
        role: GroupRole::Service,
        owner: Some(server.clone()),
        state: state(&resources),
        resources,
        placement: Placement { scores: BTreeMap::from([(server.clone(), 0)]), ..Placement::default() },
        version,
        storage_groups: None,
        healthy: None,
    };
    let groups = GroupId::new(server.as_str()).ok().map(|id| (id, group)).into_iter().collect();
    let seen = ClusterSeen {
        kind: cluster.kind,
        nodes: BTreeMap::from([(server.clone(), NodeSeen { state: NodeState::Online })]),
        quorum: QuorumSeen { has: Some(true), ..QuorumSeen::default() },
        groups,
        trouble,
        configuration: Some(hex::encode(Sha256::digest(configuration))),
        lock: None,
        pool: None,
    };
    Learned { seen, failback: BTreeMap::new() }
}

fn state(services: &[ResourceSeen]) -> GroupState {
    let count = |state| services.iter().filter(|service| service.state == state).count();
    match count(ResourceState::Online) {
        _ if count(ResourceState::Pending) > 0 => GroupState::Pending,
        0 => GroupState::Offline,
        all if all == services.len() => GroupState::Online,
        _ => GroupState::Partial,
    }
}

fn of_number(state: u32) -> ResourceState {
    match state {
        RUNNING => ResourceState::Online,
        STOPPED => ResourceState::Offline,
        // On its way up or down, or paused: nobody is served yet, or any more.
        _ => ResourceState::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_on_its_way_serves_nobody_yet() {
        let seen = |state| ResourceSeen {
            id: ResourceId::new("MSExchangeIS").unwrap(),
            kind: "MSExchangeIS".into(),
            state: of_number(state),
            kept_online: false,
        };
        // winsvc.h: 1 stopped, 2 and 3 start and stop pending, 4 running, 5 to 7 about paused.
        for (states, group) in [
            (&[4, 4][..], GroupState::Online),
            (&[4, 1], GroupState::Partial),
            (&[1, 1], GroupState::Offline),
            (&[4, 2], GroupState::Pending),
            (&[3, 1], GroupState::Pending),
            (&[4, 7], GroupState::Pending),
        ] {
            let services: Vec<ResourceSeen> = states.iter().map(|number| seen(*number)).collect();
            assert_eq!(state(&services), group, "{states:?}");
        }
    }
}
