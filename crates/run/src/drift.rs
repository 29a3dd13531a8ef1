//! Whether the estate is still as a plan says.

use std::fmt::Display;

use kaketsugi_estate::{ClusterId, ClusterSeen, GroupSeen, QuorumSeen, ServerId, ServerSeen, Snapshot};

/// What differs between what a plan was made from and what is there now, in words; empty when nothing that a plan
/// rests on has changed. Times, evidence, boots, settings and health may differ.
///
/// A lock is a difference, whoever holds it: a run that is at work may have changed settings beside the patch, and
/// they would be taken for the administrator's.
#[must_use]
pub fn drift(planned: &Snapshot, now: &Snapshot) -> Vec<String> {
    let mut differences = Vec::new();
    for (id, was) in &planned.servers {
        match now.servers.get(id) {
            None => differences.push(format!("{id} was not looked at")),
            Some(is) => server(&mut differences, id, was, is),
        }
    }
    for (id, was) in &planned.clusters {
        match now.clusters.get(id) {
            None => differences.push(format!("the cluster {id} could not be read")),
            Some(is) => cluster(&mut differences, id, was, is),
        }
    }
    differences
}

/// Servers of a plan that gave no answer, each with the reason: while there are any, nobody can say whether the estate
/// is as planned.
pub(crate) fn unreached(planned: &Snapshot, now: &Snapshot) -> Vec<String> {
    let seen = planned.servers.keys().filter_map(|id| Some((id, now.servers.get(id)?)));
    seen.filter_map(|(id, is)| silent(id, is)).collect()
}

fn silent(id: &ServerId, is: &ServerSeen) -> Option<String> {
    let why = is.unreached_why.as_deref().unwrap_or("no reason known");
    (!is.reached).then(|| format!("{id} doesn't answer: {why}"))
}

fn server(differences: &mut Vec<String>, id: &ServerId, was: &ServerSeen, is: &ServerSeen) {
    if let Some(silent) = silent(id, is) {
        differences.push(silent);
        return;
    }
    if let Some(lock) = &is.lock {
        differences.push(format!("{id} is locked by the run {}", lock.run));
    }
    let releases = was.releases.keys().chain(is.releases.keys().filter(|r| !was.releases.contains_key(*r)));
    for release in releases {
        let (was, is) = (was.releases.get(release), is.releases.get(release));
        changed(differences, &format!("{release} on {id}"), was, is);
    }
    changed(differences, &format!("the version on {id}"), was.version.as_ref(), is.version.as_ref());
    let service = |running: Option<bool>| running.map(|r| if r { "running" } else { "stopped" });
    changed(
        differences,
        &format!("the cluster service on {id}"),
        service(was.cluster_service).as_ref(),
        service(is.cluster_service).as_ref(),
    );
    if is.installer_running != Some(false) {
        differences.push(format!("an installer may be running on {id}"));
    }
    for trouble in is.trouble.iter().filter(|t| !was.trouble.contains(t)) {
        differences.push(format!("new on {id}: {trouble}"));
    }
}

fn cluster(differences: &mut Vec<String>, id: &ClusterId, was: &ClusterSeen, is: &ClusterSeen) {
    if let Some(lock) = &is.lock {
        differences.push(format!("{id} is locked by the run {}", lock.run));
    }
    for (node, before) in &was.nodes {
        match is.nodes.get(node) {
            None => differences.push(format!("{node} is no node of {id} any more")),
            Some(now) => {
                changed(differences, &format!("{node} in {id}"), Some(&before.state), Some(&now.state));
            }
        }
    }
    for node in is.nodes.keys().filter(|n| !was.nodes.contains_key(*n)) {
        differences.push(format!("{node} is a new node of {id}"));
    }
    quorum(differences, id, &was.quorum, &is.quorum);
    if was.configuration != is.configuration {
        differences.push(match (&was.configuration, &is.configuration) {
            (_, None) => format!("the configuration of {id} could not be read"),
            (None, _) => format!("the configuration of {id} could not be read when the plan was made"),
            _ => format!("the configuration of {id} was changed since the plan was made"),
        });
    }
    for trouble in is.trouble.iter().filter(|t| !was.trouble.contains(t)) {
        differences.push(format!("new in {id}: {trouble}"));
    }
    for (name, before) in &was.groups {
        match is.groups.get(name) {
            None => differences.push(format!("the group {name} is gone")),
            Some(now) => group(differences, name.as_str(), before, now),
        }
    }
    for name in is.groups.keys().filter(|g| !was.groups.contains_key(*g)) {
        differences.push(format!("the group {name} is new"));
    }
}

fn quorum(differences: &mut Vec<String>, id: &ClusterId, was: &QuorumSeen, is: &QuorumSeen) {
    let has = |quorum: Option<bool>| quorum.map(|q| if q { "there" } else { "lost" });
    changed(differences, &format!("the quorum of {id}"), has(was.has).as_ref(), has(is.has).as_ref());
    let set = |on: bool| if on { "set" } else { "not set" };
    for (what, was, is) in
        [("two_node", was.two_node, is.two_node), ("wait_for_all", was.wait_for_all, is.wait_for_all)]
    {
        changed(differences, &format!("{what} of {id}"), Some(&set(was)), Some(&set(is)));
    }
}

fn group(differences: &mut Vec<String>, name: &str, was: &GroupSeen, is: &GroupSeen) {
    if was.owner != is.owner {
        let on = |owner: &Option<ServerId>| owner.as_ref().map_or("nowhere".into(), |o| format!("on {o}"));
        differences.push(format!("{name} was {} and is {} now", on(&was.owner), on(&is.owner)));
    }
    changed(differences, name, Some(&was.state), Some(&is.state));
    changed(differences, &format!("the version of {name}"), was.version.as_ref(), is.version.as_ref());
}

/// What was one thing when the plan was made, and is another one now.
fn changed<T: PartialEq + Display>(
    differences: &mut Vec<String>,
    what: &str,
    was: Option<&T>,
    is: Option<&T>,
) {
    let word = |value: Option<&T>| value.map_or("not known".into(), ToString::to_string);
    if was != is {
        differences.push(format!("{what} was {} and is {} now", word(was), word(is)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kaketsugi_estate::{
        ClusterKind, GroupRole, GroupState, NodeSeen, NodeState, Placement, ReleaseState, Trouble,
    };

    use super::*;

    fn estate() -> Snapshot {
        let name = |n: &str| ServerId::new(n).unwrap();
        let server = ServerSeen {
            reached: true,
            version: Some("6.5.7226.6".into()),
            releases: BTreeMap::from([("sp2".parse().unwrap(), ReleaseState::Absent)]),
            cluster_service: Some(true),
            installer_running: Some(false),
            ..ServerSeen::default()
        };
        let group = GroupSeen {
            role: GroupRole::Service,
            owner: Some(name("N1")),
            state: GroupState::Online,
            resources: Vec::new(),
            placement: Placement::default(),
            version: None,
            storage_groups: None,
            healthy: Some(true),
        };
        let cluster = ClusterSeen {
            kind: ClusterKind::Windows,
            nodes: BTreeMap::from([(name("N1"), NodeSeen { state: NodeState::Online })]),
            quorum: QuorumSeen { has: Some(true), ..QuorumSeen::default() },
            groups: BTreeMap::from([("EVS1".parse().unwrap(), group)]),
            trouble: Vec::new(),
            configuration: Some("c0ffee".into()),
            lock: None,
            pool: None,
        };
        Snapshot {
            taken_at: kaketsugi_estate::Millis(0),
            servers: BTreeMap::from([(name("N1"), server)]),
            clusters: BTreeMap::from([("C".parse().unwrap(), cluster)]),
            evidence: Vec::new(),
        }
    }

    #[test]
    fn what_has_changed_is_said_in_sentences() {
        let planned = estate();
        assert!(drift(&planned, &planned).is_empty());
        let mut now = estate();
        for server in now.servers.values_mut() {
            server.version = None;
            server.releases.values_mut().for_each(|r| *r = ReleaseState::Partial);
            server.cluster_service = Some(false);
            server.trouble.push(Trouble::PackageLockHeld { by: "apt-get (812)".into() });
        }
        for cluster in now.clusters.values_mut() {
            cluster.nodes.values_mut().for_each(|n| n.state = NodeState::Standby);
            cluster.quorum = QuorumSeen { has: None, two_node: true, wait_for_all: false };
            cluster.configuration = Some("decade".into());
            for group in cluster.groups.values_mut() {
                group.owner = None;
                group.state = GroupState::Partial;
                group.version = Some("6.5.7638.2".into());
                group.healthy = None;
            }
        }
        assert_eq!(
            drift(&planned, &now),
            [
                "sp2 on N1 was not installed and is begun, but not whole now",
                "the version on N1 was 6.5.7226.6 and is not known now",
                "the cluster service on N1 was running and is stopped now",
                "new on N1: the package manager's lock is held by apt-get (812)",
                "N1 in C was online and is in standby now",
                "the quorum of C was there and is not known now",
                "two_node of C was not set and is set now",
                "the configuration of C was changed since the plan was made",
                "EVS1 was on N1 and is nowhere now",
                "EVS1 was online and is partly online now",
                "the version of EVS1 was not known and is 6.5.7638.2 now",
            ]
        );
    }
}
