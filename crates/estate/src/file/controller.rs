//! Whether the machine that would carry out a run is itself one of the nodes. It would cut off the branch it sits on:
//! drained, restarted or fenced in the middle of a step. The facts are handed in; nothing is looked up here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use toml::de::DeTable;

use super::{Code, Mistake, Mistakes, hint};
use crate::{Address, Estate, Server, ServerId, TransportKind};

/// What is known of the machine that Kaketsugi runs on, and of the nodes. What isn't known is left empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControllerFacts {
    /// Its host names: the short one, and those with a domain.
    pub hostnames: BTreeSet<String>,
    /// The addresses of its interfaces. Loopback addresses need not be named.
    pub addresses: BTreeSet<IpAddr>,
    /// Its `/etc/machine-id`.
    pub machine_id: Option<String>,
    /// What the servers' host names resolve to, here.
    pub resolved: BTreeMap<ServerId, BTreeSet<IpAddr>>,
    /// The servers' `/etc/machine-id`, as probes read them.
    pub machine_ids: BTreeMap<ServerId, String>,
}

/// A mistake for each node of a cluster that is the controller itself.
///
/// A node counts as the controller when it is reached as `local`, when both have one machine id, when its name or
/// host name is the controller's, or when its address is the controller's at the usual port. An own address at
/// another port is no proof (a forwarded port, an emulated node); there the machine ids tell.
/// Servers that stand alone may be the controller.
#[must_use]
pub fn controller_is_a_node(estate: &Estate, controller: &ControllerFacts) -> Vec<Mistake> {
    let nodes = estate.servers.iter().filter(|(id, _)| estate.cluster_of(id).is_some());
    nodes.filter_map(|(id, server)| Some(mistake(id, &proof(id, server, controller)?))).collect()
}

fn proof(id: &ServerId, server: &Server, controller: &ControllerFacts) -> Option<String> {
    if server.transport == TransportKind::Local {
        return Some("it is reached as `local`".into());
    }
    if controller.machine_id.is_some() && controller.machine_ids.get(id) == controller.machine_id.as_ref() {
        return Some("both have the same machine id".into());
    }
    // Pacemaker's nodes are named by `uname -n`, those of Windows by the computer's name.
    if has_name(controller, id.as_str()) {
        return Some(format!("this machine is called {}", hint::quoted(id.as_str())));
    }
    let Address { host, port } = &server.address;
    if port.is_some_and(|port| port != SSH_PORT) {
        return None;
    }
    if has_name(controller, host) {
        return Some(format!("this machine is called {}", hint::quoted(host)));
    }
    let own =
        |address: &IpAddr| address.is_loopback() || controller.addresses.contains(&address.to_canonical());
    let written: Option<IpAddr> = host.parse().ok();
    let resolved = controller.resolved.get(id).into_iter().flatten();
    let address = written.iter().chain(resolved).find(|address| own(address))?;
    Some(format!("{address} is an address of this machine"))
}

/// The usual port of SSH (RFC 4253, section 4.1).
const SSH_PORT: u16 = 22;

/// Host names know no upper and lower case, and may end with the root's dot.
fn has_name(controller: &ControllerFacts, name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost")
        || controller.hostnames.iter().any(|own| own.trim_end_matches('.').eq_ignore_ascii_case(name))
}

fn mistake(id: &ServerId, proof: &str) -> Mistake {
    let message = format!("the node {} is this machine itself: {proof}", hint::quoted(id.as_str()));
    let help = "run Kaketsugi on a machine outside the cluster: a node is drained and may be restarted during the run";
    Mistake { about: Some(id.clone()), ..Mistake::new(Code::ControllerIsANode, message, help) }
}

impl Mistakes {
    /// Mistakes that were found in an estate, with their places in the text that it was read from; none: `Ok`.
    ///
    /// # Errors
    /// The mistakes, if there are any.
    pub fn none_in(name: &str, text: &str, mut list: Vec<Mistake>) -> Result<(), Self> {
        if list.is_empty() {
            return Ok(());
        }
        let (table, _) = DeTable::parse_recoverable(text);
        for mistake in &mut list {
            let Some(id) = &mistake.about else { continue };
            let servers = table.get_ref().get("server").and_then(|value| value.get_ref().as_array());
            let server = servers.into_iter().flatten().find_map(|server| {
                let server = server.get_ref().as_table()?;
                (server.get("name")?.get_ref().as_str()? == id.as_str()).then_some(server)
            });
            if let Some(address) = server.and_then(|server| server.get("address")) {
                mistake.labels.push((address.span(), "this machine".into()));
            }
        }
        Err(Self::new(name, text, list, 0))
    }
}
