//! The hosts of Windows clusters, and the [`Platform`] that they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use kaketsugi_estate::{Cluster, ClusterId, ClusterKind, Estate, LockSeen, ServerId, Snapshot};
use kaketsugi_knowledge::{Profile, profiles, releases};
use kaketsugi_plan::{Payload, Step};
use kaketsugi_transport::{Host, local};

use super::directory::Directory;
use super::shell::Shell;
use crate::{Begun, Error, Order, Platform, Progress, Question};

/// How errors call this platform.
pub(super) const NAME: &str = "Windows server cluster";

/// The account under which detached work runs on the nodes.
#[derive(Clone, Default)]
pub enum RunAs {
    /// The node's own SYSTEM account, which needs no password.
    #[default]
    System,
    /// A named administrator. The password stands in the command line of `schtasks`, on the node, for as long as that runs.
    Administrator {
        /// `DOMAIN\user`.
        user: String,
        /// Its password.
        password: String,
    },
}

impl std::fmt::Debug for RunAs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System => f.write_str("System"),
            Self::Administrator { user, .. } => write!(f, "Administrator({user})"),
        }
    }
}

/// Servers with Exchange 2003 or 2000: in server clusters of Windows, and by themselves.
#[derive(Debug)]
pub struct WindowsCluster {
    pub(super) estate: Estate,
    pub(super) shells: BTreeMap<ServerId, Shell>,
    pub(super) controller: Arc<dyn Host>,
    pub(super) directory: Option<Arc<dyn Directory>>,
    pub(super) account: RunAs,
}

impl WindowsCluster {
    /// Speaks for the estate's servers that a host leads to. Health commands run on this machine, the directory isn't
    /// asked, detached work runs as SYSTEM: [`with_controller`](Self::with_controller) and its kin change that.
    #[must_use]
    pub fn new(estate: Estate, hosts: BTreeMap<ServerId, Arc<dyn Host>>) -> Self {
        let shells = hosts.into_iter().filter_map(|(id, host)| {
            let server = estate.servers.get(&id).filter(|server| server.product.is_exchange())?;
            Some((id.clone(), Shell::new(id, server, host)))
        });
        Self {
            shells: shells.collect(),
            estate,
            controller: Arc::new(local::Local::new("controller")),
            directory: None,
            account: RunAs::System,
        }
    }

    /// Health commands run there instead.
    #[must_use]
    pub fn with_controller(mut self, controller: Arc<dyn Host>) -> Self {
        self.controller = controller;
        self
    }

    /// The versions of virtual servers are read there.
    #[must_use]
    pub fn with_directory(mut self, directory: Arc<dyn Directory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Detached work runs under this account.
    #[must_use]
    pub fn with_account(mut self, account: RunAs) -> Self {
        self.account = account;
        self
    }

    /// What is known of the product that a cluster, or a server that stands alone, carries.
    pub(super) fn profile(&self, cluster: &Cluster) -> Option<&'static Profile> {
        let server = cluster.nodes.iter().find_map(|node| self.estate.servers.get(node))?;
        profiles().get(server.product.as_str(), cluster.kind)
    }

    pub(super) fn shell(&self, node: &ServerId) -> Result<&Shell, Error> {
        self.shells.get(node).ok_or_else(|| Error::Failed {
            host: node.clone(),
            what: "reaching it".into(),
            why: "no transport leads there; give the server one in the estate file".into(),
        })
    }

    /// The Windows clusters that one of these servers is in, and those of them that stand alone.
    pub(super) fn clusters_of<'a>(
        &'a self,
        servers: &'a BTreeSet<ServerId>,
    ) -> impl Iterator<Item = (&'a ClusterId, &'a Cluster)> {
        self.estate.clusters.iter().filter(|(_, cluster)| {
            cluster.kind != ClusterKind::Pacemaker && cluster.nodes.iter().any(|node| servers.contains(node))
        })
    }

    /// All nodes of the cluster that a step is about, its own node first: where its work may lie.
    pub(super) fn places(&self, step: &Step) -> Vec<ServerId> {
        let node = step.action.node();
        let cluster = step.action.cluster().and_then(|id| self.estate.clusters.get(id));
        let around = self.estate.clusters.values().find(|c| node.is_some_and(|n| c.nodes.contains(n)));
        let nodes = cluster.or(around).map(|c| c.nodes.clone()).unwrap_or_default();
        let first = node.cloned().into_iter();
        let rest = nodes.into_iter().filter(|n| Some(n) != node);
        first.chain(rest).filter(|n| self.shells.contains_key(n)).collect()
    }
}

#[async_trait]
impl Platform for WindowsCluster {
    async fn probe(&self, question: &Question<'_>) -> Snapshot {
        self.look(question).await
    }

    /// The catalogue's entry with the media that the estate file names for it.
    async fn freeze(&self, release: &str, _snapshot: &Snapshot) -> Result<Payload, Error> {
        let host = self.shells.keys().next().cloned().ok_or_else(|| Error::NoSuchAction {
            what: format!("freeze {release} without a server"),
            platform: NAME,
        })?;
        let failed = |why: &str| Error::Failed { host, what: format!("freezing {release}"), why: why.into() };
        let Some(known) = releases().resolve(release) else {
            return Err(failed("the catalogue has no such release; `kaketsugi releases` lists them"));
        };
        kaketsugi_planner::from_catalogue(&known, &self.estate)
            .ok_or_else(|| failed("it is for no product of this platform"))
    }

    async fn begin(&self, order: &Order<'_>) -> Result<Begun, Error> {
        self.begin_work(order).await
    }

    async fn poll(&self, order: &Order<'_>) -> Result<Progress, Error> {
        self.poll_work(order).await
    }

    async fn lock(&self, token: &LockSeen) -> Result<(), Error> {
        self.take_locks(token).await
    }

    async fn unlock(&self, token: &LockSeen) -> Result<(), Error> {
        self.give_locks_back(token).await
    }

    fn clusters(&self) -> Vec<ClusterId> {
        let servers = self.shells.keys().cloned().collect();
        self.clusters_of(&servers).map(|(id, _)| id.clone()).collect()
    }
}
