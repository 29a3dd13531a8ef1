//! From an estate to what speaks for it: transports, platforms, the person at the terminal.
//!
//! Servers with the transport `operator` are a courier's: their sheets lie in `by-hand/ESTATE` of the state directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use kaketsugi_estate::file::{ControllerFacts, controller_is_a_node};
use kaketsugi_estate::{ClusterKind, Estate, Server, ServerId, TransportKind};
use kaketsugi_platform::windows::WindowsCluster;
use kaketsugi_platform::{ByHand, LinuxCluster, Platform};
use kaketsugi_transport::operator::by_hand::{Courier, stem};
use kaketsugi_transport::operator::{AskFuture, Operator, Request, Terminal};
use kaketsugi_transport::{Error, Host, local, ssh};

use crate::access;
use crate::args::Global;
use crate::exit::Failure;
use crate::output::Output;
use crate::{directory, files};

/// Hosts by server, each reached as the estate says.
pub(crate) type Hosts = BTreeMap<ServerId, Arc<dyn Host>>;

/// What speaks for an estate's machines; the person carries questions to those that no command reaches.
pub(crate) fn platform(
    estate: &Estate,
    global: &Global,
    person: &Arc<dyn Operator>,
) -> Result<Box<dyn Platform>, Failure> {
    let by_hand: BTreeSet<ServerId> = by_hand(estate).cloned().collect();
    let courier = Courier::new(drawer(estate, global), Arc::clone(person));
    let hosts = hosts(estate, global, Some(&courier))?;
    let kinds: BTreeSet<ClusterKind> = estate.clusters.values().map(|c| c.kind).collect();
    let kinds: Vec<ClusterKind> = kinds.into_iter().collect();
    match kinds.as_slice() {
        [ClusterKind::Pacemaker] if !by_hand.is_empty() => Err(not_by_hand(&by_hand)),
        [ClusterKind::Pacemaker] => {
            let controller: Arc<dyn Host> = Arc::new(local::Local::new("controller"));
            Ok(Box::new(LinuxCluster::new(estate, &hosts, controller)))
        }
        [ClusterKind::Windows | ClusterKind::StandAlone]
        | [ClusterKind::Windows, ClusterKind::StandAlone] => {
            let platform = WindowsCluster::new(estate.clone(), hosts).with_account(access::tasks(estate)?);
            let platform = match directory::named(&global.directory, estate)? {
                Some(directory) => platform.with_directory(directory),
                None => platform,
            };
            Ok(match by_hand.is_empty() {
                true => Box::new(platform),
                false => Box::new(ByHand::new(platform, courier, by_hand)),
            })
        }
        [] => Err(Failure::cannot(
            "the estate has no cluster",
            "Of servers that stand alone only those with Exchange can be mended.",
        )),
        _ => Err(Failure::cannot(
            "the estate has clusters of different kinds",
            "One run takes one kind; split the estate file by cluster.",
        )),
    }
}

/// Servers that only a person reaches.
pub(crate) fn by_hand(estate: &Estate) -> impl Iterator<Item = &ServerId> {
    estate.servers.iter().filter(|(_, s)| s.transport == TransportKind::Operator).map(|(id, _)| id)
}

fn not_by_hand(servers: &BTreeSet<ServerId>) -> Failure {
    let names: Vec<&str> = servers.iter().map(ServerId::as_str).collect();
    Failure::cannot(
        format!("no command reaches {}: the transport is a person", names.join(", ")),
        "Only commands for Windows nodes are known in a form that a person can carry. Give these servers transport = \"ssh\".",
    )
}

/// Where an estate's sheets lie, by its name as a file name.
fn drawer(estate: &Estate, global: &Global) -> PathBuf {
    files::store(global).directory().join("by-hand").join(stem(&estate.name))
}

/// Opens a host for each server. Nothing is connected yet.
pub(crate) fn hosts(
    estate: &Estate,
    global: &Global,
    courier: Option<&Arc<Courier>>,
) -> Result<Hosts, Failure> {
    let client = client(global)?;
    let open = |(id, server): (&ServerId, &Server)| {
        Ok((
            id.clone(),
            match (server.transport, courier) {
                (TransportKind::Operator, Some(courier)) => Arc::new(courier.host(id.to_string())),
                _ => host(&client, id, server, global)?,
            },
        ))
    };
    estate.servers.iter().map(open).collect()
}

/// The SSH client, set up as the command line says.
pub(crate) fn client(global: &Global) -> Result<ssh::Client, Failure> {
    let cannot = |source| Failure::because("SSH can't be set up", source, "");
    let mut settings = ssh::Settings::of_this_account().map_err(cannot)?;
    if let Some(file) = &global.ssh_config {
        settings.config_files = vec![file.clone()];
    }
    if let Some(file) = &global.known_hosts {
        settings.known_hosts = vec![file.clone()];
    }
    ssh::Client::new(settings).map_err(cannot)
}

fn host(
    client: &ssh::Client,
    id: &ServerId,
    server: &Server,
    global: &Global,
) -> Result<Arc<dyn Host>, Failure> {
    match server.transport {
        TransportKind::Ssh => {
            let target = ssh::Target {
                name: id.to_string(),
                address: server.address.host.clone(),
                user: server.user.clone(),
                port: server.address.port,
                identity_files: global.identity.clone().into_iter().collect(),
                known_hosts: global.known_hosts.clone().into_iter().collect(),
                ..ssh::Target::default()
            };
            let host = client.host(&target).map_err(|source| {
                Failure::because(format!("{id} can't be reached as it is configured"), source, "")
            })?;
            Ok(Arc::new(host))
        }
        TransportKind::Local => Ok(Arc::new(local::Local::new(id.to_string()))),
        TransportKind::Operator => Err(not_by_hand(&BTreeSet::from([id.clone()]))),
    }
}

/// The person at the terminal, or nobody.
pub(crate) fn operator(output: &Output) -> Arc<dyn Operator> {
    if !output.can_ask() {
        return Arc::new(Nobody);
    }
    Arc::new(Terminal::new(account()))
}

/// Who started this program, as the journal and the report name them.
pub(crate) fn account() -> String {
    let who = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    who.unwrap_or_else(|| "the person at the terminal".into())
}

/// Nobody is there: steps for people wait until the run is resumed.
struct Nobody;

impl Operator for Nobody {
    fn ask(&self, request: Request) -> AskFuture<'_> {
        Box::pin(async move {
            Err(Error::NoAnswer { host: request.host, why: "nobody is at the terminal".into() })
        })
    }
}

/// Refuses estates of which this machine is a node: the run would cut off the branch it sits on.
pub(crate) fn not_a_node(estate: &Estate) -> Result<(), Failure> {
    let facts = ControllerFacts {
        hostnames: hostnames(),
        addresses: addresses(),
        machine_id: std::fs::read_to_string("/etc/machine-id").ok().map(|id| id.trim().to_owned()),
        ..ControllerFacts::default()
    };
    let mistakes = controller_is_a_node(estate, &facts);
    if mistakes.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    Err(Failure::cannot(
        format!("this machine is a node of the estate: {}", lines.join("; ")),
        "Run Kaketsugi from a machine that isn't a node: it would drain and restart itself.",
    ))
}

fn hostnames() -> BTreeSet<String> {
    let full = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    full.into_iter()
        .flat_map(|name| {
            let short = name.split('.').next().unwrap_or_default().to_owned();
            [name, short]
        })
        .filter(|name| !name.is_empty())
        .collect()
}

fn addresses() -> BTreeSet<std::net::IpAddr> {
    nix::ifaddrs::getifaddrs()
        .into_iter()
        .flatten()
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|a| std::net::IpAddr::V4(a.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|a| std::net::IpAddr::V6(a.ip())))
        })
        .collect()
}
