//! The locks of nodes and clusters: all, or none.
//!
//! They are taken one after the other in the order of their names, so that of two controllers that try at the same time
//! one gets all of them.

use std::time::Duration;

use kaketsugi_estate::{Cluster, ClusterId, LockSeen, ServerId};
use kaketsugi_transport::{Command, Output, quote, sanitize};

use super::cluster::LinuxCluster;
use super::job::{NOT_OURS, not_ours};
use super::resolve::last_lines;
use super::{paths, token};
use crate::Error;
use crate::pacemaker::lock::LOCK_ID;

const LOCK: &str = include_str!("../scripts/lock.sh");
const UNLOCK: &str = include_str!("../scripts/unlock.sh");
const CLUSTER_LOCK: &str = include_str!("../scripts/cluster-lock.sh");
const CLUSTER_UNLOCK: &str = include_str!("../scripts/cluster-unlock.sh");
/// The cluster answers in a second; while it elects a controller it takes longer.
const TIMEOUT: Duration = Duration::from_secs(120);

impl LinuxCluster {
    /// Takes every lock, or raises its epoch; gives back what it took when one can't be had.
    pub(super) async fn take_locks(&self, token: &LockSeen) -> Result<(), Error> {
        let (mut nodes, mut clusters) = (Vec::new(), Vec::new());
        let taken = self.take_all(token, &mut nodes, &mut clusters).await;
        if taken.is_err() {
            // A lock that can't be given back now is found by `unlock`; the first failure is the one to tell.
            for (id, cluster) in clusters {
                if let Err(error) = self.unlock_cluster(id, cluster, token).await {
                    tracing::warn!(cluster = %id, %error, "the cluster's lock could not be given back");
                }
            }
            for node in nodes {
                if let Err(error) = self.unlock_node(node, token).await {
                    tracing::warn!(%node, %error, "the node's lock could not be given back");
                }
            }
        }
        taken
    }

    async fn take_all<'a>(
        &'a self,
        token: &LockSeen,
        nodes: &mut Vec<&'a ServerId>,
        clusters: &mut Vec<(&'a ClusterId, &'a Cluster)>,
    ) -> Result<(), Error> {
        for node in self.hosts.keys() {
            let output = self.run_lock(node, LOCK, token).await?;
            // Only what is new is given back: a lock that this run had before stays this run's.
            if expect(node, "taking the node's lock", &output)?.trim() == "new" {
                nodes.push(node);
            }
        }
        for (id, cluster) in self.own_clusters() {
            let (node, output) = self.any_member(cluster, CLUSTER_LOCK, token).await?;
            if expect(node, &format!("taking the lock of the cluster {id}"), &output)?.trim() == "new" {
                clusters.push((id, cluster));
            }
        }
        Ok(())
    }

    /// Gives every lock of this run back.
    pub(super) async fn give_locks_back(&self, token: &LockSeen) -> Result<(), Error> {
        let mut first = Ok(());
        for (id, cluster) in self.own_clusters() {
            first = first.and(self.unlock_cluster(id, cluster, token).await);
        }
        for node in self.hosts.keys() {
            first = first.and(self.unlock_node(node, token).await);
        }
        first
    }

    fn own_clusters(&self) -> Vec<(&ClusterId, &Cluster)> {
        self.estate
            .clusters
            .iter()
            .filter(|(_, c)| c.kind == kaketsugi_estate::ClusterKind::Pacemaker)
            .filter(|(_, c)| c.nodes.iter().any(|node| self.hosts.contains_key(node)))
            .collect()
    }

    async fn unlock_node(&self, node: &ServerId, token: &LockSeen) -> Result<(), Error> {
        let output = self.run_lock(node, UNLOCK, token).await?;
        expect(node, "giving the node's lock back", &output).map(drop)
    }

    async fn unlock_cluster(&self, id: &ClusterId, cluster: &Cluster, token: &LockSeen) -> Result<(), Error> {
        let (node, output) = self.any_member(cluster, CLUSTER_UNLOCK, token).await?;
        expect(node, &format!("giving the lock of the cluster {id} back"), &output).map(drop)
    }

    /// Asks the cluster by way of the first node on which it answers.
    async fn any_member<'a>(
        &self,
        cluster: &'a Cluster,
        script: &str,
        token: &LockSeen,
    ) -> Result<(&'a ServerId, Output), Error> {
        let mut last = None;
        for node in cluster.nodes.iter().filter(|node| self.hosts.contains_key(*node)) {
            match self.run_lock(node, script, token).await {
                // Any other exit code: the cluster doesn't answer there, and nothing was changed.
                Ok(output) if matches!(output.exit.code(), Some(0 | NOT_OURS)) => return Ok((node, output)),
                Ok(output) => last = Some(Ok((node, output))),
                Err(error @ Error::Host { .. }) => last = last.or(Some(Err(error))),
                Err(error) => return Err(error),
            }
        }
        last.unwrap_or_else(|| {
            Err(Error::NoSuchAction { what: "a lock without nodes".into(), platform: super::cluster::NAME })
        })
    }

    async fn run_lock(&self, node: &ServerId, script: &str, token: &LockSeen) -> Result<Output, Error> {
        if !token::id_is_plain(&token.run) {
            let why = format!("the run's id `{}` can't stand in a path", sanitize(&token.run));
            return Err(Error::Failed { host: node.clone(), what: "locking".into(), why });
        }
        let script = format!(
            "ROOT={}\nLOCK_ID={LOCK_ID}\nRUN={}\nEPOCH={}\n{script}",
            paths::ROOT,
            quote(&token.run),
            token.epoch
        );
        let command = Command::shell(script).timeout(TIMEOUT);
        self.host(node)?.run(&command).await.map_err(|source| Error::Host { host: node.clone(), source })
    }
}

fn expect(node: &ServerId, what: &str, output: &Output) -> Result<String, Error> {
    match output.exit.code() {
        Some(0) => Ok(output.stdout_text()),
        Some(NOT_OURS) => Err(not_ours(node, &output.stdout_text())),
        _ => Err(Error::Failed {
            host: node.clone(),
            what: what.to_owned(),
            why: format!("{}: {}", output.exit, last_lines(&output.stderr_text())),
        }),
    }
}
