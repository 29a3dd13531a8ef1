//! What each node says of its cluster, and whose word counts.

use std::collections::BTreeMap;

use kaketsugi_estate::ServerId;

use super::cib::Cib;
use super::corosync::Votes;
use super::monitor::Monitor;

/// One node's answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Its name in the cluster (`crm_node -n`, or what `uname -n` says while Pacemaker is stopped).
    pub(crate) name: Option<String>,
    /// Whether pacemaker and corosync run; None: one of them, or on the way.
    pub(crate) service: Option<bool>,
    /// What `crm_mon` said. None: it could not be asked. The error says why the answer was refused.
    pub(crate) monitor: Option<Result<Monitor, String>>,
    /// What `cibadmin --query` said.
    pub(crate) cib: Option<Result<Cib, String>>,
    /// Votes, from the running corosync or from its file.
    pub(crate) votes: Option<Votes>,
}

impl View {
    /// Its monitor and CIB, when the cluster has a controller in its eyes.
    fn whole(&self) -> Option<(&Monitor, &Cib)> {
        match (&self.monitor, &self.cib) {
            (Some(Ok(monitor)), Some(Ok(cib))) if monitor.dc.is_some() => Some((monitor, cib)),
            _ => None,
        }
    }

    /// Why its answers were refused, where they were.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = String> {
        let monitor =
            self.monitor.as_ref().and_then(|m| m.as_ref().err()).map(|why| format!("crm_mon: {why}"));
        let cib = self.cib.as_ref().and_then(|c| c.as_ref().err()).map(|why| format!("cibadmin: {why}"));
        monitor.into_iter().chain(cib)
    }
}

/// The view that counts.
pub(crate) struct Chosen<'a> {
    pub(crate) monitor: &'a Monitor,
    pub(crate) cib: &'a Cib,
    pub(crate) votes: Option<&'a Votes>,
    /// Whether nodes see different partitions: somebody's view is not the cluster's.
    pub(crate) split: bool,
}

/// Chooses a view: one with quorum before one without, the controller's own before others', then by name.
pub(crate) fn choose<'a>(views: &'a BTreeMap<ServerId, View>) -> Option<Chosen<'a>> {
    let whole: Vec<(&View, &Monitor, &Cib)> =
        views.values().filter_map(|view| view.whole().map(|(monitor, cib)| (view, monitor, cib))).collect();
    let rank = |(view, monitor, _): &&(&View, &Monitor, &Cib)| {
        (monitor.quorum != Some(true), view.name.is_none() || view.name != monitor.dc)
    };
    let (view, monitor, cib) = whole.iter().min_by_key(rank)?;
    // Two partitions have two controllers; one controller that is being replaced looks the same for a moment.
    let split = whole.iter().any(|(_, other, _)| other.dc != monitor.dc);
    Some(Chosen { monitor, cib, votes: view.votes.as_ref(), split })
}

/// Which server a node name of the cluster means.
pub(crate) struct Names {
    servers: BTreeMap<String, ServerId>,
}

impl Names {
    /// From what the nodes themselves say; a node that wasn't reached counts under its name in the estate, or its host.
    pub(crate) fn new(views: &BTreeMap<ServerId, View>, hosts: &BTreeMap<ServerId, String>) -> Self {
        let mut servers: BTreeMap<String, ServerId> =
            views.iter().filter_map(|(id, view)| Some((view.name.clone()?, id.clone()))).collect();
        for (id, host) in hosts {
            if !servers.values().any(|known| known == id) {
                servers.entry(id.as_str().to_owned()).or_insert_with(|| id.clone());
                servers.entry(host.clone()).or_insert_with(|| id.clone());
            }
        }
        Self { servers }
    }

    /// The server of that name.
    pub(crate) fn server(&self, name: &str) -> Option<&ServerId> {
        self.servers.get(name)
    }
}
