//! All that is emulated, behind one lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kaketsugi_knowledge::Build;

use crate::cluster::{Cluster, ResourceState};
use crate::disk::File;
use crate::fault::Faults;
use crate::node::Node;
use crate::spec::{CodePage, EmulationSpec, Timing};
use crate::table::{Class, Table};
use crate::transcript::{Actor, Entry, Transcript};

/// What everything that runs holds on to.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) table: Table,
    pub(crate) timing: Timing,
    pub(crate) code_page: CodePage,
    pub(crate) administrator: (String, String),
    pub(crate) runtime: tokio::runtime::Handle,
}

/// All that is emulated.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) nodes: Vec<Node>,
    pub(crate) cluster: Cluster,
    pub(crate) directory: Directory,
    pub(crate) transcript: Transcript,
    pub(crate) faults: Faults,
    /// Things that an administrator must never let happen, as they happened.
    pub(crate) harm: Vec<String>,
    /// Virtual servers that are being upgraded.
    pub(crate) upgrading: Vec<String>,
}

/// The Active Directory, as far as Exchange's set-up and cluster resources read and write it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// `serialNumber` of each object of a server: virtual servers, and servers that stand alone.
    pub serial_numbers: BTreeMap<String, String>,
    /// How many storage groups stand below each virtual server's object.
    pub storage_groups: BTreeMap<String, u32>,
    pub(crate) builds: BTreeMap<String, Build>,
}

impl Directory {
    pub(crate) fn set(&mut self, evs: &str, build: Build) {
        let text = build.version_text(crate::node::service_pack(build));
        self.serial_numbers.insert(evs.to_owned(), text);
        self.builds.insert(evs.to_owned(), build);
    }
}

impl Shared {
    pub(crate) fn new(spec: &EmulationSpec, table: Table) -> Arc<Self> {
        let nodes = spec.nodes.iter().map(|n| Node::new(spec, n)).collect();
        let mut directory = Directory::default();
        let cluster = Cluster::new(spec, &mut directory);
        Arc::new(Self {
            state: Mutex::new(State {
                nodes,
                cluster,
                directory,
                transcript: Transcript::default(),
                faults: Faults::default(),
                harm: Vec::new(),
                upgrading: Vec::new(),
            }),
            table,
            timing: spec.timing,
            code_page: spec.code_page,
            administrator: spec.administrator.clone(),
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// The state. A panic of one emulated command leaves the others a state that is no worse than after a power cut.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn pause(&self, time: Duration) {
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
    }
}

impl State {
    pub(crate) fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn node_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|n| n.name.eq_ignore_ascii_case(name))
    }

    /// A file as a node sees it.
    pub(crate) fn file(&self, node: &str, path: &str) -> Option<&File> {
        let found = self.node(node).filter(|_| self.has_drive(node, path))?;
        found.durable.disk.file(path)
    }

    /// Whether a node sees a file, directory or drive.
    pub(crate) fn exists(&self, node: &str, path: &str) -> bool {
        let there = |n: &Node| path.len() == 2 || n.durable.disk.get(path).is_some();
        self.has_drive(node, path) && self.node(node).is_some_and(there)
    }

    /// Whether the drive of a path is there: those of the cluster's disks are where their groups are, while they are online.
    fn has_drive(&self, node: &str, path: &str) -> bool {
        let Some(drive) = path.get(..2).filter(|drive| drive.ends_with(':')) else { return true };
        let mut here = self.cluster.groups.iter().filter(|g| g.owner.eq_ignore_ascii_case(node));
        drive.eq_ignore_ascii_case("C:")
            || here.any(|group| {
                self.cluster.of_group(&group.name).any(|r| {
                    r.state == ResourceState::Online && r.name.eq_ignore_ascii_case(&format!("Disk {drive}"))
                })
            })
    }

    pub(crate) fn record(&mut self, actor: Actor, class: Class, text: impl Into<String>) {
        self.transcript.entries.push(Entry { actor, class, text: text.into() });
    }
}
