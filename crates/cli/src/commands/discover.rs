//! `discover`: what is there, and a draft of an estate file.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kaketsugi_estate::{
    Address, Cluster, ClusterId, ClusterKind, Estate, Os, Policy, Product, Rehearsal, Role, Server, ServerId,
    Snapshot, TransportKind,
};
use kaketsugi_platform::Question;
use kaketsugi_transport::{Command, Exit, Host};

use crate::args::Global;
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::{files, site};

/// Asks a node for its name in the cluster, the cluster's name, all members, and the members' addresses as corosync has
/// them (corosync-cmapctl(8), cmap_keys(7)): `ring 0 name n1`, `ring 0 ring0_addr 10.0.0.1`.
const WHO: &str = "LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/sbin:/sbin; printf 'name '; crm_node -n; \
                   printf 'cluster '; corosync-cmapctl -g totem.cluster_name 2>/dev/null | sed 's/.*= //'; echo; \
                   crm_node -l | awk '{print \"member\", $2}'; corosync-cmapctl 2>/dev/null | \
                   sed -n 's/^nodelist\\.node\\.\\([0-9]*\\)\\.\\(name\\|ring0_addr\\) (str) = /ring \\1 \\2 /p'";

pub(crate) async fn run(
    global: &Global,
    output: &Output,
    hosts: &[String],
    out: Option<&Path>,
    r#become: bool,
) -> Result<Code, Failure> {
    let mut servers = BTreeMap::new();
    let mut members: BTreeMap<String, String> = BTreeMap::new();
    let mut cluster_name = String::new();
    for (number, text) in hosts.iter().enumerate() {
        let server = server(text, r#become)?;
        let probe: ServerId = format!("host {}", number + 1)
            .parse()
            .map_err(|source| Failure::because("the host can't be named", source, ""))?;
        let one =
            Estate { servers: BTreeMap::from([(probe.clone(), server.clone())]), ..empty("discover".into()) };
        let hosts = site::hosts(&one, global, None)?;
        let Some(host) = hosts.get(&probe) else { continue };
        let who = who(host.as_ref(), text).await?;
        cluster_name = who.cluster;
        members.extend(who.members);
        servers.insert(id(&who.name)?, server);
    }
    for (member, address) in &members {
        let id: ServerId = id(member)?;
        if let std::collections::btree_map::Entry::Vacant(free) = servers.entry(id) {
            // Where the cluster itself reaches it is the best guess; the administrator corrects it.
            let like = server(address, r#become).or_else(|_| server(member, r#become))?;
            free.insert(Server { user: server(&hosts[0], r#become)?.user, ..like });
        }
    }
    let cluster: ClusterId = id(if cluster_name.is_empty() { "cluster" } else { &cluster_name })?;
    let mut estate = empty(cluster.to_string());
    estate.clusters.insert(
        cluster,
        Cluster {
            kind: ClusterKind::Pacemaker,
            nodes: servers.keys().cloned().collect(),
            groups: BTreeMap::new(),
        },
    );
    estate.servers = servers;
    let platform = site::platform(&estate, global, &site::operator(output))?;
    let snapshot = platform.probe(&Question::default()).await;
    let draft = kaketsugi_estate::file::to_toml(&estate)
        .map_err(|source| Failure::because("the draft can't be written", source, ""))?;
    if let Some(out) = out {
        files::write_new(out, &draft, "An estate file that is there is never overwritten: name another.")?;
    }
    output.result(&serde_json::json!({ "estate": draft, "snapshot": snapshot }), || {
        let mut text = seen(&snapshot);
        if out.is_none() {
            text.push_str("\nA draft of the estate file:\n\n");
            text.push_str(&draft);
        }
        text
    });
    Ok(Code::Done)
}

fn empty(name: String) -> Estate {
    Estate {
        name,
        servers: BTreeMap::new(),
        clusters: BTreeMap::new(),
        pools: BTreeMap::new(),
        policy: Policy::default(),
        evidence: Vec::new(),
        media: Vec::new(),
        access: kaketsugi_estate::Access::default(),
        rehearsal: Rehearsal::default(),
    }
}

/// `[user@]host[:port]`.
fn server(text: &str, r#become: bool) -> Result<Server, Failure> {
    let (user, place) = match text.rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, text),
    };
    let address: Address = place.parse().map_err(|source| {
        Failure::because(format!("`{text}` names no host"), source, "[user@]host[:port]")
    })?;
    Ok(Server {
        address,
        transport: TransportKind::Ssh,
        user,
        r#become,
        product: Product::Debian,
        os: Os::Debian,
        roles: vec![Role::Node],
    })
}

struct Who {
    name: String,
    cluster: String,
    /// Members by name: where corosync reaches each; the name, where it doesn't say.
    members: BTreeMap<String, String>,
}

/// Addresses by name, from lines `NUMBER name NAME` and `NUMBER ring0_addr ADDRESS`.
fn rings(lines: &[String]) -> BTreeMap<&str, &str> {
    let of = |key: &'static str| {
        lines.iter().filter_map(move |line| {
            let (number, rest) = line.split_once(' ')?;
            Some((number, rest.strip_prefix(key)?.trim()))
        })
    };
    let addresses: BTreeMap<&str, &str> = of("ring0_addr ").collect();
    of("name ").filter_map(|(number, name)| Some((name, *addresses.get(number)?))).collect()
}

async fn who(host: &dyn Host, text: &str) -> Result<Who, Failure> {
    let command = Command::new(WHO).timeout(Duration::from_secs(30));
    let output = host
        .run(&command)
        .await
        .map_err(|source| Failure::because(format!("{text} can't be looked at"), source, ""))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let field = |key: &str| -> Vec<String> {
        let values = stdout.lines().filter_map(|l| l.strip_prefix(key)).map(str::trim);
        values.filter(|v| !v.is_empty()).map(str::to_owned).collect()
    };
    let name = field("name ").into_iter().next();
    match name {
        Some(name) if output.exit == Exit::Code(0) => {
            let known = field("ring ");
            let rings = rings(&known);
            let at =
                |member: &String| rings.get(member.as_str()).map_or(member.clone(), |at| (*at).to_owned());
            Ok(Who {
                name,
                cluster: field("cluster ").into_iter().next().unwrap_or_default(),
                members: field("member ").into_iter().map(|member| (member.clone(), at(&member))).collect(),
            })
        }
        _ => Err(Failure::cannot(
            format!("{text} is no node of a Pacemaker cluster that runs: {}", output_text(&output.stderr)),
            "Name a host on which Pacemaker runs. Other products have no discovery yet.",
        )),
    }
}

fn output_text(bytes: &[u8]) -> String {
    let text = kaketsugi_transport::sanitize_bytes(bytes);
    text.lines().last().unwrap_or("it said nothing").to_owned()
}

fn id<T: std::str::FromStr<Err = kaketsugi_estate::InvalidId>>(name: &str) -> Result<T, Failure> {
    name.parse().map_err(|source| Failure::because("a name can't be used", source, ""))
}

/// What was seen, for people.
pub(crate) fn seen(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for (id, cluster) in &snapshot.clusters {
        text.push_str(&format!("cluster {id}: {} nodes\n", cluster.nodes.len()));
        for (node, seen) in &cluster.nodes {
            let state = seen.state.to_string();
            let version = snapshot.servers.get(node).and_then(|s| s.version.clone()).unwrap_or_default();
            text.push_str(&format!(
                "  {:<12} {state:<12} {}\n",
                node.as_str(),
                kaketsugi_transport::sanitize(&version)
            ));
        }
        for (group, seen) in &cluster.groups {
            let owner = seen.owner.as_ref().map_or("nowhere", |o| o.as_str());
            let state = seen.state.to_string();
            text.push_str(&format!(
                "  group {:<12} {state:<8} on {owner}, {} resources\n",
                group.as_str(),
                seen.resources.len()
            ));
        }
        for trouble in &cluster.trouble {
            text.push_str(&format!(
                "  in the way: {}\n",
                kaketsugi_transport::sanitize(&trouble.to_string())
            ));
        }
    }
    for (id, server) in &snapshot.servers {
        if !server.reached {
            let why = server.unreached_why.as_deref().unwrap_or("no reason known");
            text.push_str(&format!("{id} doesn't answer: {}\n", kaketsugi_transport::sanitize(why)));
        }
        for trouble in &server.trouble {
            text.push_str(&format!(
                "{id}, in the way: {}\n",
                kaketsugi_transport::sanitize(&trouble.to_string())
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_reached_where_corosync_reaches_them() {
        let lines =
            ["0 name n1", "0 ring0_addr 10.0.0.1", "1 ring0_addr 10.0.0.2", "1 name n2", "2 name n3", "odd"];
        let lines = lines.map(str::to_owned);
        assert_eq!(rings(&lines), BTreeMap::from([("n1", "10.0.0.1"), ("n2", "10.0.0.2")]));
    }
}
