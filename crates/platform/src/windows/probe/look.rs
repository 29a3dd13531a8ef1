//! A whole look: all nodes at the same time, then their clusters, then the groups' health.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use kaketsugi_estate::{
    Cluster, ClusterId, ClusterKind, ClusterSeen, GroupId, Health, Millis, ServerId, ServerSeen, Snapshot,
};
use kaketsugi_transport::{Command, Host};

use super::super::cluster::WindowsCluster;
use super::super::shell::waits;
use super::cluster::Learned;
use super::node;
use crate::{Error, Question};

impl WindowsCluster {
    /// Looks at servers and clusters.
    pub(in crate::windows) async fn look(&self, question: &Question<'_>) -> Snapshot {
        let wanted = self.wanted(&question.servers);
        let allow = self.estate.policy.allow_unverified_commands;
        let asking = wanted.iter().map(|id| async {
            let seen = match self.shell(id) {
                Ok(shell) => node::look(shell, question.payload, allow).await,
                Err(why) => Err(why),
            };
            (id.clone(), seen)
        });
        let asked: BTreeMap<ServerId, Result<ServerSeen, Error>> =
            join_all(asking).await.into_iter().collect();
        let clusters: Vec<(&ClusterId, &Cluster)> = self.clusters_of(&wanted).collect();
        let learned = join_all(clusters.iter().map(|(_, cluster)| self.learn(cluster, &asked))).await;
        let servers = asked.into_iter().map(|(id, seen)| (id, seen.unwrap_or_else(|why| unreached(&why))));
        let mut snapshot = Snapshot { servers: servers.collect(), ..Snapshot::default() };
        for ((id, cluster), learned) in clusters.into_iter().zip(learned) {
            let Some(learned) = learned else { continue };
            let mut seen = learned.seen;
            seen.lock = common_lock(cluster.nodes.iter().filter_map(|n| snapshot.servers.get(n)));
            for node in &cluster.nodes {
                if let Some(server) = snapshot.servers.get_mut(node).filter(|s| s.reached) {
                    server.settings.extend(learned.failback.clone());
                }
            }
            if question.health {
                self.ask_health(id, &mut seen).await;
            }
            snapshot.clusters.insert(id.clone(), seen);
        }
        snapshot.taken_at = now();
        snapshot
    }

    /// What a cluster says of itself, through its nodes that answer.
    async fn learn(
        &self,
        cluster: &Cluster,
        asked: &BTreeMap<ServerId, Result<ServerSeen, Error>>,
    ) -> Option<Learned> {
        if cluster.kind == ClusterKind::StandAlone {
            let silent = |node| matches!(asked.get(node), Some(Err(why)) if !waits(why));
            return match cluster.nodes.iter().any(silent) {
                true => None,
                false => self.ask_alone(cluster).await,
            };
        }
        let asking = cluster.nodes.iter().map(|node| async move {
            let state = match (asked.get(node), self.shell(node)) {
                (Some(Ok(seen)), _) => Some(seen.cluster_service),
                // A person carries the look: what this depends on may be there although other answers aren't yet, and
                // each wait for one is a walk.
                (Some(Err(why)), Ok(shell)) if waits(why) => node::cluster_service(shell).await.ok(),
                _ => None,
            };
            (node.clone(), state)
        });
        let states: BTreeMap<ServerId, Option<Option<bool>>> = join_all(asking).await.into_iter().collect();
        let state = |node: &ServerId| states.get(node).copied().flatten();
        // A service that is on its way up or down may answer all the same.
        let running = cluster.nodes.iter().filter(|n| state(n).is_some_and(|is| is != Some(false)));
        let stopped = cluster.nodes.iter().filter(|n| state(n) == Some(Some(false)));
        let running: Vec<ServerId> = running.cloned().collect();
        self.ask_cluster(cluster, &running, &stopped.cloned().collect()).await
    }

    fn wanted(&self, servers: &BTreeSet<ServerId>) -> BTreeSet<ServerId> {
        let ours =
            self.estate.servers.iter().filter(|(_, s)| s.product.is_exchange()).map(|(id, _)| id.clone());
        ours.filter(|id| servers.is_empty() || servers.contains(id)).collect()
    }

    async fn ask_health(&self, id: &ClusterId, seen: &mut ClusterSeen) {
        let entries = self.estate.clusters.get(id).map(|c| &c.groups);
        let commands: BTreeMap<GroupId, &Health> = entries
            .into_iter()
            .flatten()
            .filter_map(|(group, entry)| Some((group.clone(), entry.health.as_ref()?)))
            .collect();
        let asking = commands.iter().map(|(group, health)| async move {
            let seconds = Duration::from_secs(u64::from(health.timeout_seconds));
            let command = Command::shell(&health.command).timeout(seconds);
            let healthy = self.controller.run(&command).await.is_ok_and(|output| output.exit.is_success());
            (group.clone(), healthy)
        });
        for (group, healthy) in join_all(asking).await {
            if let Some(group) = seen.groups.get_mut(&group) {
                group.healthy = Some(healthy);
            }
        }
    }
}

/// The lock that all nodes have; where they differ or one has none, the cluster has none.
fn common_lock<'a>(servers: impl Iterator<Item = &'a ServerSeen>) -> Option<kaketsugi_estate::LockSeen> {
    let mut locks = servers.map(|s| s.lock.clone());
    let first = locks.next()??;
    locks.all(|lock| lock.as_ref() == Some(&first)).then_some(first)
}

/// A server that gave no answer.
fn unreached(why: &Error) -> ServerSeen {
    let mut text = why.to_string();
    let mut source = std::error::Error::source(why);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    ServerSeen { reached: false, unreached_why: Some(text), ..ServerSeen::default() }
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
