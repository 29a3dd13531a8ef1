//! Starts emulated nodes, and looks at and meddles with them from outside.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};

use crate::cluster;
use crate::fault::Fault;
use crate::person::Person;
use crate::shell::{Cut, Shell};
use crate::spec::EmulationSpec;
use crate::ssh;
use crate::state::{Directory, Shared};
use crate::table::{Table, TableError};
use crate::transcript::Transcript;
use crate::truth::Truth;

/// The account that logs in on emulated nodes.
pub const USER: &str = "Administrator";

/// An account that logs in with the same key, and is no administrator on any node.
pub const LIMITED_USER: &str = "Helpdesk";

/// Emulated nodes behind real SSH servers. They end with this value.
#[derive(Debug)]
pub struct Emulation {
    shared: Arc<Shared>,
    addresses: BTreeMap<String, SocketAddr>,
    known_hosts: Vec<String>,
    client_key: String,
    person: Person,
    servers: Vec<tokio::task::JoinHandle<()>>,
}

/// Why emulated nodes did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The table of behaviours can't be used.
    #[error("the emulated nodes have no table of behaviours to go by")]
    Table(#[from] TableError),
    /// No port on loopback.
    #[error("no port on 127.0.0.1 could be had for {node}: free some, then start again")]
    Port {
        /// For which node.
        node: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// No SSH key.
    #[error("no SSH key could be made")]
    Key(#[from] russh::keys::ssh_key::Error),
}

/// What a command line led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The whole exit code.
    pub code: u32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Emulation {
    /// Starts the nodes: cluster services where they are to run, groups on their owners, SSH servers on loopback.
    ///
    /// Must be called inside a tokio runtime; the nodes live on it.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(spec: &EmulationSpec) -> Result<Self, StartError> {
        let table = match &spec.table {
            Some(table) => table.clone(),
            None => Table::embedded()?,
        };
        let shared = Shared::new(spec, table);
        cluster::begin(&shared, spec);
        let client = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519)?;
        let mut this = Self {
            person: Person::new(shared.clone()),
            shared,
            addresses: BTreeMap::new(),
            known_hosts: Vec::new(),
            client_key: client.to_openssh(LineEnding::LF)?.to_string(),
            servers: Vec::new(),
        };
        for node in &spec.nodes {
            let host_key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519)?;
            let (listener, address) =
                ssh::listen().await.map_err(|source| StartError::Port { node: node.name.clone(), source })?;
            this.known_hosts.push(format!(
                "[127.0.0.1]:{} {}",
                address.port(),
                host_key.public_key().to_openssh()?
            ));
            this.addresses.insert(node.name.clone(), address);
            this.servers.push(tokio::spawn(ssh::serve(
                this.shared.clone(),
                node.name.clone(),
                listener,
                host_key,
                USER.to_owned(),
                client.public_key().clone(),
            )));
        }
        this.quiet().await;
        Ok(this)
    }

    /// Where a node's SSH server listens.
    #[must_use]
    pub fn address(&self, node: &str) -> Option<SocketAddr> {
        self.addresses.get(node).copied()
    }

    /// Where all nodes' SSH servers listen.
    #[must_use]
    pub fn addresses(&self) -> &BTreeMap<String, SocketAddr> {
        &self.addresses
    }

    /// Contents of a known_hosts file that holds all nodes' keys.
    #[must_use]
    pub fn known_hosts(&self) -> String {
        self.known_hosts.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The private key, in OpenSSH's format, that logs in as [`USER`] on every node.
    #[must_use]
    pub fn client_key(&self) -> &str {
        &self.client_key
    }

    /// What nodes and person were told that changes something.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.shared.lock().transcript.clone()
    }

    /// The directory as it is now.
    #[must_use]
    pub fn directory(&self) -> Directory {
        self.shared.lock().directory.clone()
    }

    /// Everything as it is now.
    #[must_use]
    pub fn truth(&self) -> Truth {
        Truth::of(&self.shared.lock())
    }

    /// The person at the consoles.
    #[must_use]
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// Programs a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared.lock().faults.add(fault);
    }

    /// Pulls a node's plug.
    pub fn power_off(&self, node: &str) {
        cluster::power_cut(&self.shared, node);
    }

    /// Puts the plug back: the node starts.
    pub fn power_on(&self, node: &str) {
        cluster::power_on(&self.shared, node);
    }

    /// Whether a node starts again after a restart. It does, unless told otherwise here.
    pub fn comes_back(&self, node: &str, yes: bool) {
        if let Some(node) = self.shared.lock().node_mut(node) {
            node.comes_back = yes;
        }
    }

    /// Runs a command line on a node without SSH, to its end.
    ///
    /// None: the node had no power, lost it, or a fault cut the line.
    pub async fn run(&self, node: &str, line: &str, stdin: &[u8]) -> Option<Answer> {
        let mut power = self.shared.lock().node(node)?.boot.as_ref()?.power.subscribe();
        let page = self.shared.code_page;
        tokio::select! {
            done = Shell::new(self.shared.clone(), node, stdin.to_vec()).line(line) => match done {
                Ok(outcome) => Some(Answer {
                    code: outcome.code,
                    stdout: page.decode(&outcome.stdout),
                    stderr: page.decode(&outcome.stderr),
                }),
                Err(Cut) => None,
            },
            _ = power.changed() => None,
        }
    }

    /// The bytes of a file that lies on the first node's disk.
    pub(crate) fn file(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.shared.lock();
        state.nodes.first()?.durable.disk.file(path).map(|f| f.bytes.clone())
    }

    /// Waits until nothing is under way in the cluster: no group moves, no node is about to join.
    pub async fn quiet(&self) {
        loop {
            {
                let state = self.shared.lock();
                let joining = state.nodes.iter().any(|n| n.member() == crate::node::Member::Joining);
                if !joining && state.cluster.groups.iter().all(|g| !g.busy) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Emulation {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
        // Everything that runs on a node ends with its power.
        for node in &mut self.shared.lock().nodes {
            node.boot = None;
        }
    }
}
