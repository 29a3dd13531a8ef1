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

/// Asks a node for its name in the cluster, the cluster's name and all members.
const WHO: &str = "LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/sbin:/sbin; printf 'name '; crm_node -n; \
                   printf 'cluster '; corosync-cmapctl -g totem.cluster_name 2>/dev/null | sed 's/.*= //'; echo; \
                   crm_node -l | awk '{print \"member\", $2}'";

pub(crate) async fn run(
    global: &Global,
    output: &Output,
    hosts: &[String],
    out: Option<&Path>,
    r#become: bool,
) -> Result<Code, Failure> {
    let mut servers = BTreeMap::new();
    let mut members: Vec<String> = Vec::new();
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
    members.sort();
    members.dedup();
    for member in &members {
        let id: ServerId = id(member)?;
        if let std::collections::btree_map::Entry::Vacant(free) = servers.entry(id) {
            // The cluster's own name for it is the best guess; the administrator corrects it.
            let like = server(member, r#become)?;
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
        files::write_new(out, &draft)?;
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
    members: Vec<String>,
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
        Some(name) if output.exit == Exit::Code(0) => Ok(Who {
            name,
            cluster: field("cluster ").into_iter().next().unwrap_or_default(),
            members: field("member "),
        }),
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
