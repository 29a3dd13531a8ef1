//! The locks: each node's, a directory made exclusively; each cluster's, an object in its CIB.

use kaketsugi_estate::{LockSeen, ServerId};
use kaketsugi_transport::sanitize;

use super::super::cluster::LinuxCluster;
use super::{text, with};
use crate::Error;
use crate::pacemaker::lock::LOCK_ID;

const LOCK: &str = include_str!("../../scripts/act/lock.sh");
const UNLOCK: &str = include_str!("../../scripts/act/unlock.sh");
const CLUSTER_LOCK: &str = include_str!("../../scripts/act/cluster-lock.sh");
const CLUSTER_UNLOCK: &str = include_str!("../../scripts/act/cluster-unlock.sh");

impl LinuxCluster {
    /// Takes every lock of the estate; what was newly taken is given back when one is held by somebody else.
    pub(in crate::linux) async fn lock_all(&self, token: &LockSeen) -> Result<(), Error> {
        let mut taken: Vec<ServerId> = Vec::new();
        let mut failure = None;
        for node in self.hosts.keys() {
            match self.ask_lock(node, LOCK, token).await {
                Ok(answer) if answer == "taken" => taken.push(node.clone()),
                Ok(_) => {}
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        if failure.is_none() {
            failure = self.lock_clusters(token).await.err();
        }
        let Some(error) = failure else { return Ok(()) };
        for node in taken {
            // What can't be given back now is named by the next attempt.
            let _ = self.ask_lock(&node, UNLOCK, token).await;
        }
        Err(error)
    }

    /// Gives every lock back that is this run's.
    pub(in crate::linux) async fn unlock_all(&self, token: &LockSeen) -> Result<(), Error> {
        self.each_cluster(CLUSTER_UNLOCK, token).await?;
        for node in self.hosts.keys() {
            match self.ask_lock(node, UNLOCK, token).await {
                // Somebody else's lock is left alone.
                Ok(_) | Err(Error::NotOurs { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn lock_clusters(&self, token: &LockSeen) -> Result<(), Error> {
        self.each_cluster(CLUSTER_LOCK, token).await
    }

    /// Asks one node of each cluster that can speak for it: the first whose tools answer.
    async fn each_cluster(&self, script: &str, token: &LockSeen) -> Result<(), Error> {
        let all = self.hosts.keys().cloned().collect();
        for (_, cluster) in self.clusters_of(&all) {
            let mut last = None;
            for node in &cluster.nodes {
                match self.ask_lock(node, script, token).await {
                    Ok(_) => {
                        last = None;
                        break;
                    }
                    Err(error @ Error::NotOurs { .. }) => return Err(error),
                    Err(error) => last = Some(error),
                }
            }
            if let Some(error) = last {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn ask_lock(&self, node: &ServerId, script: &str, token: &LockSeen) -> Result<String, Error> {
        let epoch = token.epoch.to_string();
        let script = with(&[("RUN", &token.run), ("EPOCH", &epoch), ("LOCK_ID", LOCK_ID)], script);
        let output = self.tell(node, script, None).await?;
        let said = text(node, "asking for the lock", &output)?;
        let line = said.lines().next().unwrap_or_default().trim();
        match line.split_once(' ') {
            Some(("held", found)) => Err(Error::NotOurs { host: node.clone(), found: sanitize(found) }),
            None if ["taken", "raised", "given", "none"].contains(&line) => Ok(line.to_owned()),
            _ => Err(Error::Unreadable {
                host: node.clone(),
                what: "asking for the lock".into(),
                why: format!("it said `{}`", sanitize(line)),
            }),
        }
    }
}
