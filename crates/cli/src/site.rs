//! From an estate to what speaks for it: transports, platforms, the person at the terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kaketsugi_estate::file::{ControllerFacts, controller_is_a_node};
use kaketsugi_estate::{ClusterKind, Estate, Server, ServerId, TransportKind};
use kaketsugi_platform::LinuxCluster;
use kaketsugi_platform::Platform;
use kaketsugi_platform::windows::WindowsCluster;
use kaketsugi_transport::operator::{AskFuture, Operator, Request, Terminal};
use kaketsugi_transport::{Error, Host, local, ssh};

use crate::access;
use crate::args::Global;
use crate::directory;
use crate::exit::Failure;
use crate::output::Output;

/// Hosts by server, each reached as the estate says.
pub(crate) type Hosts = BTreeMap<ServerId, Arc<dyn Host>>;

/// What speaks for an estate's machines.
pub(crate) fn platform(estate: &Estate, global: &Global) -> Result<Box<dyn Platform>, Failure> {
    let hosts = hosts(estate, global)?;
    let kinds: BTreeSet<ClusterKind> = estate.clusters.values().map(|c| c.kind).collect();
    let kinds: Vec<ClusterKind> = kinds.into_iter().collect();
    match kinds.as_slice() {
        [ClusterKind::Pacemaker] => {
            let controller: Arc<dyn Host> = Arc::new(local::Local::new("controller"));
            Ok(Box::new(LinuxCluster::new(estate, &hosts, controller)))
        }
        [ClusterKind::Windows] => {
            let platform = WindowsCluster::new(estate.clone(), hosts).with_account(access::tasks(estate)?);
            Ok(Box::new(match directory::named(&global.directory, estate)? {
                Some(directory) => platform.with_directory(directory),
                None => platform,
            }))
        }
        [] => {
            Err(Failure::cannot("the estate has no cluster", "Servers that stand alone can't be mended yet."))
        }
        _ => Err(Failure::cannot(
            "the estate has clusters of different kinds",
            "One run takes one kind; split the estate file by cluster.",
        )),
    }
}

/// Opens a host for each server. Nothing is connected yet.
pub(crate) fn hosts(estate: &Estate, global: &Global) -> Result<Hosts, Failure> {
    let client = client(global)?;
    estate.servers.iter().map(|(id, server)| Ok((id.clone(), host(&client, id, server, global)?))).collect()
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
        TransportKind::Operator => Err(Failure::cannot(
            format!("{id} is reached by no command: its transport is a person"),
            "Probing by a person is not there yet; `rehearse` shows the procedure on emulated nodes.",
        )),
    }
}

/// The person at the terminal, or nobody.
pub(crate) fn operator(output: &Output) -> Box<dyn Operator> {
    if !output.can_ask() {
        return Box::new(Nobody);
    }
    Box::new(Terminal::new(account()))
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
