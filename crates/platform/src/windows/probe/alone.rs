//! What serves users on a server that stands alone: the product's services.

use std::collections::BTreeMap;

use futures::future::join_all;
use kaketsugi_estate::{
    Cluster, ClusterSeen, GroupId, GroupRole, GroupSeen, GroupState, NodeSeen, NodeState, Placement,
    QuorumSeen, ResourceId, ResourceSeen, ResourceState, ServerId, Trouble,
};
use sha2::{Digest, Sha256};

use super::super::cluster::WindowsCluster;
use super::super::shell::Shell;
use super::cluster::{Learned, build, of_server};
use super::settings;
use crate::Error;

/// The start type of a service that starts with the system.
const AUTOMATIC: u32 = 2;

/// What a pool's `state` says. Words, because an exit code is also what a command has that isn't there.
const GIVEN: &str = "in";
const NOT_GIVEN: &str = "out";

impl WindowsCluster {
    /// Asks a server for the product's services: those that start by themselves, and those that run. None: it can't be
    /// asked.
    pub(super) async fn ask_alone(&self, cluster: &Cluster) -> Option<Learned> {
        let server = cluster.nodes.first()?;
        let shell = self.shell(server).ok()?;
        match self.services(shell, cluster).await {
            Ok(resources) => {
                let object = match &self.directory {
                    Some(directory) => of_server(directory.as_ref(), server.as_str()).await,
                    None => Default::default(),
                };
                let mut learned = learned(cluster, server, resources, build(&object));
                self.ask_balancer(shell, server, &mut learned.seen).await?;
                Some(learned)
            }
            Err(_) => None,
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

    /// Each with its start type.
    async fn services(&self, shell: &Shell, cluster: &Cluster) -> Result<Vec<(ResourceSeen, u32)>, Error> {
        let known = self.profile(cluster).map(|profile| profile.resources.as_slice()).unwrap_or_default();
        let asked = join_all(known.iter().map(|resource| async move {
            let name = resource.resource_type.as_str();
            Ok::<_, Error>((name, settings::service(shell, name).await?))
        }));
        let mut services = Vec::new();
        for answer in asked.await {
            let (name, Some(service)) = answer? else { continue };
            let Ok(id) = ResourceId::new(name) else { continue };
            if service.start != AUTOMATIC && !service.running {
                continue;
            }
            let state = if service.running { ResourceState::Online } else { ResourceState::Offline };
            let seen = ResourceSeen { id, kind: name.to_owned(), state, kept_online: false };
            services.push((seen, service.start));
        }
        Ok(services)
    }
}

fn learned(
    cluster: &Cluster,
    server: &ServerId,
    services: Vec<(ResourceSeen, u32)>,
    version: Option<String>,
) -> Learned {
    let mut configuration = String::new();
    for (service, start) in &services {
        configuration.push_str(&format!("{}\t{start}\n", service.id));
    }
    let trouble = match services.is_empty() {
        true => vec![Trouble::Unreadable { what: "Exchange's services: none was found".into() }],
        false => Vec::new(),
    };
    let resources: Vec<ResourceSeen> = services.into_iter().map(|(service, _)| service).collect();
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
    let online = services.iter().filter(|s| s.state == ResourceState::Online).count();
    match online {
        0 => GroupState::Offline,
        all if all == services.len() => GroupState::Online,
        _ => GroupState::Partial,
    }
}
