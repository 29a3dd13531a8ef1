//! What no single table can show: names that mean nothing, servers in two places, products where they can't be.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::draft::{ClusterDraft, Draft, ServerDraft};
use super::read::{At, Sink, Span};
use super::{Code, Mistake, hint, pools, words};
use crate::{ClusterKind, GroupId, Product, Role, ServerId, TransportKind};

/// The group that holds the quorum of a Windows cluster; there in every one, whether the file names it or not.
const CLUSTER_GROUP: &str = "Cluster Group";

/// Looks at the file as a whole.
pub(super) fn check(draft: &Draft, sink: &mut Sink) {
    names(draft, sink);
    addresses(draft, sink);
    for server in &draft.servers {
        product_and_system(server, sink);
    }
    let homes = homes(draft, sink);
    for server in &draft.servers {
        let clustered = server.name.as_ref().is_some_and(|name| homes.contains_key(&name.value));
        roles(server, clustered, sink);
        health(server, clustered, sink);
        if !clustered {
            own_name(server, draft, sink);
        }
        if clustered {
            local(server, sink);
        }
    }
    for cluster in &draft.clusters {
        size(cluster, sink);
        nodes(cluster, draft, sink);
        owners(cluster, sink);
    }
    pools::check(draft, |server| homes.contains_key(server), sink);
    rehearsal(draft, sink);
}

fn names(draft: &Draft, sink: &mut Sink) {
    let servers = draft.servers.iter().filter_map(|s| s.name.as_ref());
    unique(servers, Code::DuplicateName, "servers", sink);
    let clusters = draft.clusters.iter().filter_map(|c| c.name.as_ref());
    unique(clusters, Code::DuplicateName, "clusters", sink);
    let pools = draft.pools.iter().filter_map(|p| p.name.as_ref());
    unique(pools, Code::DuplicateName, "pools", sink);
    for cluster in &draft.clusters {
        let groups = cluster.groups.iter().filter_map(|g| g.name.as_ref());
        unique(groups, Code::DuplicateName, "groups of a cluster", sink);
    }
}

fn unique<'a, T: Ord + ToString + 'a>(
    all: impl Iterator<Item = &'a At<T>>,
    code: Code,
    what: &str,
    sink: &mut Sink,
) {
    let mut first: BTreeMap<&T, &Span> = BTreeMap::new();
    for at in all {
        let Some(earlier) = first.get(&at.value) else {
            first.insert(&at.value, &at.span);
            continue;
        };
        let message = format!("two {what} are called {}", hint::quoted(&at.value.to_string()));
        let help = "give each a name of its own";
        sink.say(Mistake::new(code, message, help).at(&at.span, "again").at(earlier, "first here"));
    }
}

fn addresses(draft: &Draft, sink: &mut Sink) {
    let mut first: BTreeMap<String, &Span> = BTreeMap::new();
    for address in draft.servers.iter().filter_map(|s| s.address.as_ref()) {
        // Host names know no upper and lower case.
        let key = address.value.to_string().to_lowercase();
        let Some(earlier) = first.get(&key) else {
            first.insert(key, &address.span);
            continue;
        };
        let message = format!("two servers have the address {}", hint::quoted(&address.value.to_string()));
        let help = "each server has an address of its own; one machine isn't patched under two names";
        let mistake = Mistake::new(Code::DuplicateAddress, message, help);
        sink.say(mistake.at(&address.span, "again").at(earlier, "first here"));
    }
}

fn product_and_system(server: &ServerDraft, sink: &mut Sink) {
    let (Some(product), Some(os)) = (&server.product, &server.os) else { return };
    let systems = product.value.systems();
    if systems.contains(&os.value) {
        return;
    }
    let known: Vec<_> = systems.iter().map(|os| words::word(&words::SYSTEMS, os)).collect();
    let written = words::word(&words::SYSTEMS, &os.value);
    let message = format!("{} doesn't run on {written}", product.value);
    let help = format!("{} runs on {}", product.value, hint::list(&known));
    let mistake = Mistake::new(Code::ProductOnWrongOs, message, help);
    sink.say(mistake.at(&os.span, "not with this product").at(&product.span, "the product"));
}

/// The cluster that first names each server; servers in two are said.
fn homes<'a>(draft: &'a Draft, sink: &mut Sink) -> BTreeMap<&'a ServerId, (usize, &'a Span)> {
    let mut homes: BTreeMap<&ServerId, (usize, &Span)> = BTreeMap::new();
    for (i, cluster) in draft.clusters.iter().enumerate() {
        for node in &cluster.nodes {
            let Some((home, earlier)) = homes.get(&node.value) else {
                homes.insert(&node.value, (i, &node.span));
                continue;
            };
            let id = hint::quoted(node.value.as_str());
            let mistake = if *home == i {
                let help = "name each node of a cluster once";
                Mistake::new(Code::NodeTwice, format!("{id} is named twice in the cluster"), help)
            } else {
                let help = "a server is a node of one cluster at most: take it out of one of the two lists";
                Mistake::new(Code::NodeInTwoClusters, format!("{id} is a node of two clusters"), help)
            };
            sink.say(mistake.at(&node.span, "again").at(earlier, "first here"));
        }
    }
    homes
}

fn roles(server: &ServerDraft, clustered: bool, sink: &mut Sink) {
    for role in &server.roles {
        let name = words::word(&words::ROLES, &role.value);
        let (message, help) = match (role.value, server.product.as_ref().map(|p| p.value)) {
            (Role::Node, _) if !clustered => (
                "no cluster names this server as a node",
                "name it in `nodes` of its cluster, or leave the role out",
            ),
            (Role::Mailbox | Role::FrontEnd | Role::SmallBusinessServer, Some(Product::Debian)) => {
                ("`mailbox` and `front-end` are roles of Exchange", "leave `roles` out for other products")
            }
            (Role::FrontEnd, _) if clustered => (
                "a front-end server holds no mailboxes and is no node of a cluster",
                "leave the role out, or take the server out of its cluster",
            ),
            (Role::SmallBusinessServer, _) if clustered => (
                "a Small Business Server stands alone",
                "leave the role out, or take the server out of its cluster",
            ),
            _ => continue,
        };
        let mistake = Mistake::new(Code::RoleDoesNotFit, message, help);
        sink.say(mistake.at(&role.span, format!("`{name}` doesn't fit")));
    }
}

/// A health command stands with what serves the users: with the group, or with the server that stands alone.
fn health(server: &ServerDraft, clustered: bool, sink: &mut Sink) {
    let Some(health) = &server.health else { return };
    let (message, help) = match &server.product {
        _ if clustered => (
            "this server is a node, and its groups are what serves users",
            "write `health` in the [[cluster.group]] whose users it asks for",
        ),
        Some(product) if !product.value.is_exchange() => (
            "only servers of Exchange are mended alone",
            "take `health` out, or name the server in a cluster",
        ),
        _ => return,
    };
    sink.say(Mistake::new(Code::HealthDoesNotFit, message, help).at(&health.span, "not here"));
}

/// A server that stands alone is named among the clusters, too.
fn own_name(server: &ServerDraft, draft: &Draft, sink: &mut Sink) {
    let (Some(name), Some(product)) = (&server.name, &server.product) else { return };
    let same = |cluster: &&ClusterDraft| {
        cluster.name.as_ref().is_some_and(|of| of.value.as_str() == name.value.as_str())
    };
    let Some(other) = draft.clusters.iter().find(same).filter(|_| product.value.is_exchange()) else {
        return;
    };
    let message =
        format!("a cluster and a server in no cluster are both called {}", hint::quoted(name.value.as_str()));
    let mut mistake = Mistake::new(Code::DuplicateName, message, "give each a name of its own")
        .at(&name.span, "the server");
    if let Some(of) = &other.name {
        mistake = mistake.at(&of.span, "the cluster");
    }
    sink.say(mistake);
}

/// A node that is this machine itself would be restarted by the run that it carries out.
fn local(server: &ServerDraft, sink: &mut Sink) {
    let Some(transport) = server.transport.as_ref().filter(|t| t.value == TransportKind::Local) else {
        return;
    };
    let message = "a node of a cluster is reached as `local`, so the controller would be one of the nodes";
    let help = "run Kaketsugi on a machine outside the cluster, and write transport = \"ssh\"";
    let mistake = Mistake::new(Code::ControllerIsANode, message, help);
    sink.say(mistake.at(&transport.span, "this machine itself"));
}

/// How many nodes a cluster of this kind has.
///
/// Pacemaker: up to 16 without remote nodes, as its distributors support it (Red Hat's OpenStack guide names 16); one
/// node alone has nowhere to move its groups to. Windows Server 2003: up to 8 (TechNet cc787244).
fn bounds(kind: ClusterKind) -> RangeInclusive<usize> {
    match kind {
        ClusterKind::Pacemaker => 2..=16,
        ClusterKind::Windows => 2..=8,
        ClusterKind::StandAlone => 1..=1,
    }
}

fn size(cluster: &ClusterDraft, sink: &mut Sink) {
    let (Some(kind), Some(written)) = (&cluster.kind, &cluster.written) else { return };
    let bounds = bounds(kind.value);
    let (code, label) = if written.value < *bounds.start() {
        (Code::TooFewNodes, "too few")
    } else if written.value > *bounds.end() {
        (Code::TooManyNodes, "too many")
    } else {
        return;
    };
    // Text that could not be read may have held nodes.
    if code == Code::TooFewNodes && sink.unread() {
        return;
    }
    let software = words::word(&words::CLUSTER_KINDS, &kind.value);
    let message = match written.value {
        1 => format!("a {software} cluster of one node has nowhere to move its groups to"),
        n => format!(
            "a {software} cluster has {} to {} nodes, and this one has {n}",
            bounds.start(),
            bounds.end()
        ),
    };
    let help = format!("name {} to {} servers in `nodes`", bounds.start(), bounds.end());
    sink.say(Mistake::new(code, message, help).at(&written.span, label));
}

/// A server that a list names and no table describes.
pub(super) fn unknown_server(named: &At<ServerId>, list: &str, draft: &Draft, sink: &mut Sink) {
    // A server whose name could not be read may be the one that is meant.
    if sink.unread() || draft.servers.iter().any(|server| server.name.is_none()) {
        return;
    }
    let known = draft.servers.iter().filter_map(|s| s.name.as_ref()).map(|name| name.value.as_str());
    let help = format!(
        "{}describe it in a [[server]] table of its own, or take it out of `{list}`",
        sink.meant(named.value.as_str(), known)
    );
    let message = format!("{} is no server of this estate", hint::quoted(named.value.as_str()));
    sink.say(Mistake::new(Code::UnknownNode, message, help).at(&named.span, "no such server"));
}

/// Each node is a server, of a product that this kind of cluster carries.
fn nodes(cluster: &ClusterDraft, draft: &Draft, sink: &mut Sink) {
    for node in &cluster.nodes {
        let id = hint::quoted(node.value.as_str());
        let Some(server) = draft.server(&node.value) else {
            unknown_server(node, "nodes", draft, sink);
            continue;
        };
        let (Some(kind), Some(product)) = (&cluster.kind, &server.product) else { continue };
        // On a system that the product doesn't run on, that is the mistake.
        let fits = product.value.cluster_kind() == kind.value;
        if !fits && server.os.as_ref().is_none_or(|os| product.value.systems().contains(&os.value)) {
            let software = words::word(&words::CLUSTER_KINDS, &kind.value);
            let right = words::word(&words::CLUSTER_KINDS, &product.value.cluster_kind());
            let message = format!("{id} runs {}, which no {software} cluster carries", product.value);
            let help = format!("nodes with {} belong to a cluster with kind = \"{right}\"", product.value);
            let mistake = Mistake::new(Code::ProductInWrongCluster, message, help);
            sink.say(mistake.at(&node.span, "not in this cluster").at(&product.span, "the product"));
        }
    }
}

fn owners(cluster: &ClusterDraft, sink: &mut Sink) {
    for group in &cluster.groups {
        let mut first: BTreeMap<&ServerId, &Span> = BTreeMap::new();
        for owner in &group.preferred {
            if let Some(earlier) = first.insert(&owner.value, &owner.span) {
                let message =
                    format!("{} is named twice as a preferred owner", hint::quoted(owner.value.as_str()));
                let help = "name each once, the first choice first";
                let mistake = Mistake::new(Code::OwnerTwice, message, help);
                sink.say(mistake.at(&owner.span, "again").at(earlier, "first here"));
            }
            owner_is_a_node(owner, cluster, sink);
        }
    }
}

fn owner_is_a_node(owner: &At<ServerId>, cluster: &ClusterDraft, sink: &mut Sink) {
    let all_read = cluster.written.as_ref().is_some_and(|written| written.value == cluster.nodes.len());
    if sink.unread() || !all_read || cluster.nodes.iter().any(|node| node.value == owner.value) {
        return;
    }
    let message = match &cluster.name {
        Some(name) => format!(
            "{} is no node of {}",
            hint::quoted(owner.value.as_str()),
            hint::quoted(name.value.as_str())
        ),
        None => format!("{} is no node of its cluster", hint::quoted(owner.value.as_str())),
    };
    let known: Vec<_> = cluster.nodes.iter().map(|node| node.value.as_str()).collect();
    let help = format!(
        "{}its nodes are {}",
        sink.meant(owner.value.as_str(), known.iter().copied()),
        hint::list(&known)
    );
    let mut mistake = Mistake::new(Code::UnknownOwner, message, help).at(&owner.span, "not one of its nodes");
    if let Some(written) = &cluster.written {
        mistake = mistake.at(&written.span, "its nodes");
    }
    sink.say(mistake);
}

/// What the rehearsal says is about servers and groups of the estate.
fn rehearsal(draft: &Draft, sink: &mut Sink) {
    let all_named = !sink.unread() && draft.servers.iter().all(|s| s.name.is_some());
    for (node, _) in
        draft.rehearsal_nodes.iter().filter(|(node, _)| all_named && draft.server(&node.value).is_none())
    {
        let known = draft.servers.iter().filter_map(|s| s.name.as_ref()).map(|name| name.value.as_str());
        let help = format!(
            "{}the rehearsal knows the servers of this file only",
            sink.meant(node.value.as_str(), known)
        );
        let message = format!("{} is no server of this estate", hint::quoted(node.value.as_str()));
        sink.say(Mistake::new(Code::UnknownNode, message, help).at(&node.span, "no such server"));
    }
    for (group, owner, _) in &draft.rehearsal_groups {
        let clusters: Vec<_> =
            draft.clusters.iter().filter(|cluster| has_group(cluster, &group.value)).collect();
        match (clusters.as_slice(), owner) {
            ([], _) => unknown_group(group, draft, sink),
            // A group name that several clusters have is none that an owner could be judged by.
            ([cluster], Some(owner)) => owner_is_a_node(owner, cluster, sink),
            _ => {}
        }
    }
}

fn has_group(cluster: &ClusterDraft, group: &GroupId) -> bool {
    let windows = cluster.kind.as_ref().is_some_and(|kind| kind.value == ClusterKind::Windows);
    (windows && group.as_str() == CLUSTER_GROUP)
        || cluster.groups.iter().any(|g| g.name.as_ref().is_some_and(|name| name.value == *group))
}

fn unknown_group(group: &At<GroupId>, draft: &Draft, sink: &mut Sink) {
    let mut groups = draft.clusters.iter().flat_map(|cluster| &cluster.groups);
    if sink.unread() || groups.any(|g| g.name.is_none()) {
        return;
    }
    let known = draft
        .clusters
        .iter()
        .flat_map(|c| &c.groups)
        .filter_map(|g| g.name.as_ref())
        .map(|n| n.value.as_str());
    let help = format!(
        "{}an emulated cluster has the groups that this file names: add a [[cluster.group]]",
        sink.meant(group.value.as_str(), known)
    );
    let message = format!("no cluster of this estate has a group {}", hint::quoted(group.value.as_str()));
    sink.say(Mistake::new(Code::UnknownGroup, message, help).at(&group.span, "no such group"));
}
