//! Freezing an update: what exactly would be installed on each node, with digests, and whether that may be.
//!
//! Pure: it judges what the nodes' private apts answered ([`NodeFacts`]). Everything that is refused is said at once.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{ClusterKind, Policy, Product, ReleaseId, RestartPolicy, ServerId};
use kaketsugi_plan::{Content, Package, Payload, RestartNeed, ServiceNeed};
use sha2::{Digest, Sha256};

use super::apt::{Origin, Origins, Record, Simulated};
use super::dpkg::{Dpkg, PackageState, list_digest};
use super::version;

/// The release that means "all updates that apt offers".
pub(crate) const DEBIAN_UPDATES: &str = "debian-updates";

/// What one node's private apt answered.
#[derive(Debug, Clone)]
pub(crate) struct NodeFacts {
    pub(crate) simulated: Vec<Simulated>,
    pub(crate) records: Vec<Record>,
    pub(crate) origins: Origins,
    pub(crate) dpkg: Dpkg,
    /// Packages whose libraries the cluster's daemons link.
    pub(crate) linked: BTreeSet<String>,
}

/// A list for each node, and the payload that they make. The error names everything that is refused.
pub(crate) fn freeze(nodes: &BTreeMap<ServerId, NodeFacts>, policy: &Policy) -> Result<Payload, Vec<String>> {
    let mut refused = BTreeSet::new();
    let mut lists: BTreeMap<ServerId, Vec<Package>> = BTreeMap::new();
    for (node, facts) in nodes {
        let list = node_list(node, facts, policy, &mut refused);
        lists.insert(node.clone(), list);
    }
    same_everywhere(nodes, &lists, &mut refused);
    if refused.is_empty() { Ok(payload(nodes, lists, policy)) } else { Err(refused.into_iter().collect()) }
}

fn node_list(
    node: &ServerId,
    facts: &NodeFacts,
    policy: &Policy,
    refused: &mut BTreeSet<String>,
) -> Vec<Package> {
    let mut list = Vec::new();
    for action in &facts.simulated {
        let (name, architecture, version, from) = match action {
            Simulated::Install { name, architecture, version, from } => (name, architecture, version, from),
            Simulated::Remove { name } => {
                if !policy.allow_remove.contains(name) {
                    refused.insert(format!("{node}: the update would remove {name} (policy: allow-remove)"));
                }
                continue;
            }
        };
        let down = from.as_ref().is_some_and(|from| version::compare(version, from).is_lt());
        if down && !policy.allow_downgrade.contains(name) {
            let from = from.as_deref().unwrap_or("?");
            refused.insert(format!(
                "{node}: the update would bring {name} from {from} down to {version} (policy: allow-downgrade)"
            ));
        }
        let Some(record) = record(facts, name, architecture, version) else {
            refused.insert(format!(
                "{node}: no single package file with a SHA-256 is offered for {name} {version}"
            ));
            continue;
        };
        let Some(origin) = origin(facts, name, version, policy) else {
            let found: Vec<String> =
                facts.origins.of(name, version).iter().map(ToString::to_string).collect();
            let found = if found.is_empty() { "an unknown origin".to_owned() } else { found.join(" or ") };
            refused.insert(format!(
                "{node}: {name} {version} comes from {found}, from which nothing is installed (policy: allow-origins)"
            ));
            continue;
        };
        list.push(Package {
            name: name.clone(),
            architecture: architecture.clone(),
            version: version.clone(),
            from: from.clone(),
            sha256: record.sha256.clone(),
            size_bytes: record.size_bytes,
            origin: origin.to_string(),
        });
    }
    list.sort();
    list
}

/// The record of that version; None when two archives offer different files under one version.
fn record<'a>(facts: &'a NodeFacts, name: &str, architecture: &str, version: &str) -> Option<&'a Record> {
    let matching: BTreeSet<&Record> = facts
        .records
        .iter()
        .filter(|r| r.name == name && r.version == version && r.architecture == architecture)
        .collect();
    match matching.into_iter().collect::<Vec<_>>().as_slice() {
        [one] => Some(one),
        _ => None,
    }
}

/// An origin that may be used: one from whose publisher something is installed, or one that policy names.
fn origin<'a>(facts: &'a NodeFacts, name: &str, version: &str, policy: &Policy) -> Option<&'a Origin> {
    facts.origins.of(name, version).into_iter().find(|origin| {
        facts.origins.installed.iter().any(|known| known.is_of_the_same(origin))
            || policy.allow_origins.iter().any(|entry| origin.is_named(entry))
    })
}

/// Every package ends at the same version, with the same file, on all nodes that have it.
fn same_everywhere(
    nodes: &BTreeMap<ServerId, NodeFacts>,
    lists: &BTreeMap<ServerId, Vec<Package>>,
    refused: &mut BTreeSet<String>,
) {
    // Name and architecture; then version and digest; then the nodes that get this file.
    type Files<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a ServerId>>;
    let mut wanted: BTreeMap<(&str, &str), Files<'_>> = BTreeMap::new();
    for (node, list) in lists {
        for package in list {
            let name = (package.name.as_str(), package.architecture.as_str());
            let file = (package.version.as_str(), package.sha256.as_str());
            wanted.entry(name).or_default().entry(file).or_default().push(node);
        }
    }
    for ((name, architecture), files) in wanted {
        if files.len() > 1 {
            let found: Vec<String> = files
                .iter()
                .map(|((version, sha256), on)| {
                    format!("{version} ({}…) on {}", sha256.get(..8).unwrap_or(sha256), join(on))
                })
                .collect();
            refused.insert(format!("{name} would differ between nodes: {}", found.join(", ")));
            continue;
        }
        let Some((&(version, _), on)) = files.first_key_value() else { continue };
        for (node, facts) in nodes.iter().filter(|(node, _)| !on.contains(node)) {
            let stays = facts.dpkg.get(name, architecture).filter(|k| k.state == PackageState::Installed);
            if let Some(known) = stays.filter(|known| known.version != version) {
                let held = if known.held { " (it is on hold there)" } else { "" };
                refused.insert(format!(
                    "{name} would be {version} on {} and stay {} on {node}{held}: the nodes' sources differ",
                    join(on),
                    known.version
                ));
            }
        }
    }
}

fn join(nodes: &[&ServerId]) -> String {
    nodes.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(", ")
}

fn payload(
    nodes: &BTreeMap<ServerId, NodeFacts>,
    lists: BTreeMap<ServerId, Vec<Package>>,
    policy: &Policy,
) -> Payload {
    let digests: String =
        lists.iter().map(|(node, list)| format!("{node} {}\n", list_digest(list))).collect();
    let digest = hex::encode(Sha256::digest(digests));
    let names: BTreeSet<&str> = lists.values().flatten().map(|p| p.name.as_str()).collect();
    // The daemons must not run while they, or what they link, are replaced.
    let profile = kaketsugi_knowledge::profiles().get("debian", ClusterKind::Pacemaker);
    let touches_stack = lists.iter().any(|(node, list)| {
        let linked = nodes.get(node).map(|facts| &facts.linked);
        list.iter().any(|p| {
            profile.is_none_or(|profile| profile.is_stack_package(&p.name))
                || linked.is_some_and(|linked| linked.contains(&p.name))
        })
    });
    // Hexadecimal digits are a valid id whatever they are.
    let id = ReleaseId::new(format!("{DEBIAN_UPDATES}-{}", digest.get(..12).unwrap_or(&digest)))
        .unwrap_or_else(|invalid| unreachable!("{invalid}"));
    Payload {
        id,
        title: format!("Debian updates: {} packages", names.len()),
        product: Product::Debian,
        service_pack: false,
        one_way: false,
        group_upgrade: false,
        of_system: false,
        alike_in_pools: false,
        front_ends_first: false,
        in_place: false,
        optimizer: false,
        service: if touches_stack { ServiceNeed::Stopped } else { ServiceNeed::Either },
        restart: match policy.restart {
            RestartPolicy::IfAsked => RestartNeed::IfAsked,
            RestartPolicy::Always => RestartNeed::Always,
            RestartPolicy::Never => RestartNeed::Never,
        },
        to_build: None,
        command: Some("apt-get dist-upgrade".into()),
        instruction: "Install exactly the frozen packages, from the staged files alone.".into(),
        content: Content::Packages(lists),
        first: Vec::new(),
        cites: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const FILES: &str = " 500 http://deb bookworm/main amd64 Packages\n     release o=Debian,n=bookworm,l=Debian\n \
        500 http://sec sec/main amd64 Packages\n     release o=Debian,n=bookworm-security,l=Debian-Security\n \
        500 http://odd ./ Packages\n     release o=Odd,n=odd\n";

    fn id(name: &str) -> ServerId {
        ServerId::new(name).unwrap()
    }

    /// A node on which `ssl` goes from 1 to `to`, by a file with this digest from this archive.
    fn node(to: &str, sha256: &str, archive: &str) -> NodeFacts {
        node_with("ssl", to, sha256, archive)
    }

    fn node_with(name: &str, to: &str, sha256: &str, archive: &str) -> NodeFacts {
        let policy = format!(
            "{name}:\n  Version table:\n     {to} 500\n        500 http://{archive}\n *** 1 500\n        500 http://deb bookworm/main amd64 Packages\n"
        );
        NodeFacts {
            simulated: vec![Simulated::Install {
                name: name.into(),
                architecture: "amd64".into(),
                version: to.into(),
                from: Some("1".into()),
            }],
            records: vec![Record {
                name: name.into(),
                architecture: "amd64".into(),
                version: to.into(),
                sha256: sha256.into(),
                size_bytes: 7,
            }],
            origins: Origins::parse(FILES, &policy),
            dpkg: Dpkg::parse(&format!("{name}\tamd64\t1\tinstall\tinstalled\tok\n")).unwrap(),
            linked: BTreeSet::new(),
        }
    }

    const SECURITY: &str = "sec sec/main amd64 Packages";

    fn frozen(nodes: &[(&str, NodeFacts)], policy: &Policy) -> Result<Payload, String> {
        let nodes = nodes.iter().map(|(name, facts)| (id(name), facts.clone())).collect();
        freeze(&nodes, policy).map_err(|refused| refused.join("; "))
    }

    #[test]
    fn an_update_is_frozen_with_digest_size_and_origin() {
        let good = node("2", SHA, SECURITY);
        let payload = frozen(&[("n1", good.clone()), ("n2", good)], &Policy::default()).unwrap();
        let package = &payload.packages(&id("n1"))[0];
        assert_eq!((package.version.as_str(), package.sha256.as_str(), package.size_bytes), ("2", SHA, 7));
        assert_eq!(
            package.origin, "o=Debian,n=bookworm-security",
            "the publisher is known from the main archive"
        );
        assert_eq!((payload.service, payload.restart), (ServiceNeed::Either, RestartNeed::IfAsked));
        assert!(payload.id.as_str().starts_with("debian-updates-"));
    }

    #[test]
    fn a_new_origin_is_refused_unless_it_is_named() {
        let odd = [("n1", node("2", SHA, "odd ./ Packages"))];
        let refused = frozen(&odd, &Policy::default()).unwrap_err();
        assert!(refused.contains("o=Odd,n=odd") && refused.contains("allow-origins"), "{refused}");
        for named in ["Odd", "o=Odd,n=odd", "http://odd"] {
            let policy = Policy { allow_origins: vec![named.into()], ..Policy::default() };
            assert!(frozen(&odd, &policy).is_ok(), "{named}");
        }
    }

    #[test]
    fn removals_and_downgrades_are_refused_unless_they_are_named() {
        let mut down = node("0.9", SHA, SECURITY);
        down.simulated.push(Simulated::Remove { name: "old".into() });
        let refused = frozen(&[("n1", down.clone())], &Policy::default()).unwrap_err();
        assert!(refused.contains("remove old") && refused.contains("down to 0.9"), "both at once: {refused}");
        let policy = Policy {
            allow_remove: vec!["old".into()],
            allow_downgrade: vec!["ssl".into()],
            ..Policy::default()
        };
        assert!(frozen(&[("n1", down)], &policy).is_ok());
    }

    #[test]
    fn nodes_that_would_differ_are_refused() {
        let other = "b".repeat(64);
        let cases = [
            ("another version", node("3", SHA, SECURITY)),
            ("another file", node("2", &other, SECURITY)),
            ("no update", NodeFacts { simulated: Vec::new(), ..node("2", SHA, SECURITY) }),
        ];
        for (what, second) in cases {
            let refused = frozen(&[("n1", node("2", SHA, SECURITY)), ("n2", second)], &Policy::default());
            assert!(refused.as_ref().is_err_and(|why| why.contains("ssl")), "{what}: {refused:?}");
        }
        let patched = NodeFacts {
            simulated: Vec::new(),
            dpkg: Dpkg::parse("ssl\tamd64\t2\tinstall\tinstalled\tok\n").unwrap(),
            ..node("2", SHA, SECURITY)
        };
        let half_done =
            frozen(&[("n1", node("2", SHA, SECURITY)), ("n2", patched)], &Policy::default()).unwrap();
        assert!(half_done.packages(&id("n2")).is_empty(), "it has that version already");
    }

    #[test]
    fn one_version_with_two_files_is_refused() {
        let mut two = node("2", SHA, SECURITY);
        let other = Record { sha256: "c".repeat(64), ..two.records[0].clone() };
        two.records.push(other);
        assert!(frozen(&[("n1", two)], &Policy::default()).unwrap_err().contains("no single package file"));
    }

    #[test]
    fn the_stack_and_what_it_links_want_the_service_stopped() {
        let linked = NodeFacts { linked: ["ssl".to_owned()].into(), ..node("2", SHA, SECURITY) };
        for facts in [linked, node_with("libqb100", "2", SHA, SECURITY)] {
            let payload = frozen(&[("n1", facts)], &Policy::default()).unwrap();
            assert_eq!(payload.service, ServiceNeed::Stopped);
        }
    }

    #[test]
    fn the_id_names_the_content() {
        let of = |sha: &str| frozen(&[("n1", node("2", sha, SECURITY))], &Policy::default()).unwrap().id;
        assert_eq!(of(SHA), of(SHA));
        assert_ne!(of(SHA), of(&"d".repeat(64)));
    }
}
