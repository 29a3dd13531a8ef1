//! What forbids a plan. Unknown is unsafe; every reason is told at once.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{
    ClusterKind, ClusterSeen, Estate, GroupId, GroupRole, GroupSeen, GroupState, NodeState, Product,
    ResourceState, ServerId, ServerSeen, Snapshot, TransportKind, Trouble,
};
use kaketsugi_knowledge::{Build, Fit, Installed, releases};
use kaketsugi_plan::{Finding, Payload};

/// Every reason against a plan.
pub(crate) fn findings(estate: &Estate, snapshot: &Snapshot, payload: &Payload) -> Vec<Finding> {
    let mut findings = Vec::new();
    servers(&mut findings, estate, snapshot, payload);
    half_by_hand(&mut findings, estate);
    clusters(&mut findings, estate, snapshot, payload);
    findings.extend(of_exchange_2000(snapshot, payload));
    findings
}

/// Virtual servers of Exchange 2000 on nodes with Exchange 2003: they are upgraded before the service pack goes on
/// (E03-CLU-W2K-CLEAN).
fn of_exchange_2000(snapshot: &Snapshot, payload: &Payload) -> Vec<Finding> {
    const EXCHANGE_2003: Build = Build::new(6, 5, 0, 0);
    let clusters = snapshot
        .clusters
        .iter()
        .filter(|(_, seen)| payload.product == Product::Exchange2003 && seen.kind == ClusterKind::Windows);
    let groups =
        clusters.flat_map(|(cluster, seen)| seen.groups.iter().map(move |(id, group)| (cluster, id, group)));
    groups
        .filter_map(|(cluster, id, group)| {
            let version = group.version.as_deref()?;
            version.parse::<Build>().is_ok_and(|build| build < EXCHANGE_2003).then_some((cluster, id, version))
        })
        .map(|(cluster, id, version)| Finding {
            cites: vec!["E03-CLU-W2K-CLEAN".into(), "KB842427".into()],
            ..finding(
                "cluster/group-of-exchange-2000",
                format!("{cluster}: the Exchange virtual server {id} is of Exchange 2000 ({version})"),
                "its nodes were installed anew with Exchange 2003; it is upgraded to that before a service pack goes on",
                "On the node that has it, start Cluster Administrator and choose Upgrade Exchange Virtual Server; when it \
                 is online there, plan again.",
            )
        })
        .collect()
}

fn finding(code: &str, symptom: String, cause: &str, remedy: &str) -> Finding {
    Finding { code: code.into(), symptom, cause: cause.into(), remedy: remedy.into(), cites: Vec::new() }
}

/// What the document says of going back to an older version.
fn going_back(payload: &Payload) -> Vec<String> {
    payload.product.is_exchange().then(|| "ALL-NO-UNINSTALL".to_owned()).into_iter().collect()
}

/// Why a release of the catalogue can't go onto what is installed on a server that is to get it.
fn unfit(id: &ServerId, seen: &ServerSeen, payload: &Payload) -> Option<Finding> {
    use kaketsugi_estate::ReleaseState::{Absent, Newer};
    let release = releases().resolve(payload.id.as_str())?;
    // A fix of the operating system isn't judged by the product's version; what is half there goes on.
    let judged = release.product == payload.product.as_str()
        && matches!(seen.releases.get(&payload.id), Some(Absent | Newer));
    if !judged {
        return None;
    }
    let version = seen.version.as_deref();
    let build = version.and_then(|v| v.parse().ok());
    let has = version.unwrap_or("an unknown version");
    let title = &payload.title;
    match release.fits(&Installed { product: &release.product, build, hotfixes: BTreeSet::new() }) {
        Fit::Installable | Fit::AlreadyInstalled | Fit::WrongProduct => None,
        Fit::Older { .. } => Some(Finding {
            cites: going_back(payload),
            ..finding(
                "release/older",
                format!("{title} is older than what is on {id}: {has}"),
                "an older release over a newer one leaves files of two versions, and databases that the older can't open",
                "Choose a release that is newer than what is installed; `kaketsugi releases` lists them.",
            )
        }),
        Fit::NeedsFirst(first) => {
            let first: Vec<&str> = first.iter().map(|id| id.as_str()).collect();
            let needs = match first.as_slice() {
                [] => format!("build {} or newer", release.from.at_least),
                names => names.join(", then "),
            };
            Some(Finding {
                cites: payload.cites.clone(),
                ..finding(
                    "release/needs-first",
                    format!("{title} needs {needs}; {id} has {has}"),
                    "its installer refuses anything older, and by then users would have been cut off for nothing",
                    "Apply what it needs first, then plan again.",
                )
            })
        }
        Fit::Unknown => Some(finding(
            "server/unknown-version",
            format!("whether {title} fits {id} can't be said: its version is {has}"),
            "without it nobody knows whether the release is older than what is there",
            "Look at the probe's messages for this server.",
        )),
    }
}

/// Set-up of Exchange fails on a server with an older connector, when its users are cut off already.
fn unknown_connector(id: &ServerId, seen: &ServerSeen, payload: &Payload) -> Option<Finding> {
    let asked =
        payload.service_pack && matches!(payload.product, Product::Exchange2000 | Product::Exchange2003);
    if !asked || seen.connector.is_some() {
        return None;
    }
    let rule = if payload.product == Product::Exchange2000 { "E00-ADC" } else { "E03-ADC" };
    Some(Finding {
        cites: vec![rule.to_owned()],
        ..finding(
            "server/unknown-connector",
            format!("whether {id} has the Active Directory Connector could not be learned"),
            "where it has, the connector's own set-up comes first: that of Exchange fails beside an older one (0xC103FD04)",
            "Look whether the key of the service MSADC can be read there, then plan again.",
        )
    })
}

fn servers(findings: &mut Vec<Finding>, estate: &Estate, snapshot: &Snapshot, payload: &Payload) {
    for (id, server) in &estate.servers {
        let Some(seen) = snapshot.servers.get(id).filter(|s| s.reached) else {
            let why = snapshot.servers.get(id).and_then(|s| s.unreached_why.clone());
            findings.push(finding(
                "server/unreached",
                format!("{id} doesn't answer: {}", why.unwrap_or_else(|| "it was not looked at".into())),
                "nothing is changed anywhere before every server of the estate was reached",
                "Make the server reachable, or take it out of the estate file.",
            ));
            continue;
        };
        if server.product != payload.product {
            findings.push(finding(
                "release/wrong-product",
                format!("{} is for {}, {id} has {}", payload.title, payload.product, server.product),
                "the release isn't for this product",
                "Choose a release for the product; `kaketsugi releases` lists them.",
            ));
            continue;
        }
        findings.extend(unfit(id, seen, payload));
        findings.extend(unknown_connector(id, seen, payload));
        if !seen.releases.contains_key(&payload.id) {
            findings.push(finding(
                "release/unknown-state",
                format!("whether {} is on {id} could not be learned", payload.title),
                "without it nobody knows what an install would do",
                "Look at the probe's messages for this server.",
            ));
        }
        if seen.installer_running != Some(false) {
            let mut f = finding(
                "server/installer-running",
                format!("an installer or package manager may be running on {id}"),
                "two at once can leave a server half installed",
                "Wait until it has ended, then plan again.",
            );
            f.cites.push("ALL-ONE-INSTALLER".into());
            findings.push(f);
        }
        for trouble in &seen.trouble {
            findings.push(from_trouble(id.as_str(), trouble));
        }
    }
}

/// A cluster whose nodes are reached in different ways: half of a step would be a person's.
fn half_by_hand(findings: &mut Vec<Finding>, estate: &Estate) {
    for (id, cluster) in &estate.clusters {
        let by_hand = |node: &ServerId| {
            estate.servers.get(node).is_some_and(|server| server.transport == TransportKind::Operator)
        };
        let theirs: Vec<&str> = cluster.nodes.iter().filter(|n| by_hand(n)).map(|n| n.as_str()).collect();
        if theirs.is_empty() {
            continue;
        }
        if theirs.len() < cluster.nodes.len() {
            findings.push(finding(
                "cluster/half-by-hand",
                format!("{id}: only a person reaches {}, and commands reach the other nodes", theirs.join(", ")),
                "what is done on one node is seen and undone through the others; one of both ways has to lead to all",
                "Give all nodes of the cluster transport = \"operator\", or all of them \"ssh\".",
            ));
        }
        if cluster.kind == ClusterKind::Pacemaker {
            findings.push(finding(
                "cluster/not-by-hand",
                format!("{id}: {} is reached by a person alone", theirs.join(", ")),
                "only the commands for Windows nodes are known in a form that a person can carry",
                "Give its nodes transport = \"ssh\".",
            ));
        }
    }
}

fn clusters(findings: &mut Vec<Finding>, estate: &Estate, snapshot: &Snapshot, payload: &Payload) {
    for (id, cluster) in &estate.clusters {
        let Some(seen) = snapshot.clusters.get(id) else {
            if cluster.kind == ClusterKind::StandAlone {
                findings.push(finding(
                    "cluster/unreadable",
                    format!("what {id} carries could not be read"),
                    "it gave no answer about Exchange's services",
                    "Look whether it is reached, and what its messages say.",
                ));
                continue;
            }
            findings.push(finding(
                "cluster/unreadable",
                format!("{id} could not be read"),
                "none of its nodes gave an answer about the cluster",
                "Look whether the cluster service runs on at least one node.",
            ));
            continue;
        };
        let members = seen.nodes.keys().map(ServerId::as_str).collect::<Vec<_>>().join(", ");
        for node in cluster.nodes.iter().filter(|n| !seen.nodes.contains_key(*n)) {
            findings.push(finding(
                "cluster/node-missing",
                format!("{node} is no node of {id}; the cluster names {members}"),
                "estate file and cluster disagree",
                "Correct the estate file: node names must be those that the cluster uses.",
            ));
        }
        for node in seen.nodes.keys().filter(|n| !cluster.nodes.contains(n)) {
            findings.push(finding(
                "cluster/node-unlisted",
                format!("{id} has the node {node}, which the estate file doesn't list"),
                "a node that isn't patched with the others stays behind, and its state isn't known",
                "Add the node to the estate file.",
            ));
        }
        nodes(findings, id.as_str(), seen);
        if seen.kind == ClusterKind::Pacemaker && seen.nodes.len() == 2 && !seen.quorum.two_node {
            let mut f = finding(
                "cluster/two-nodes-without-two-node",
                format!("{id} has two nodes, and corosync's two_node is not set"),
                "with one node out the other has no quorum and stops everything",
                "Set two_node: 1 in the quorum section of corosync.conf on both nodes.",
            );
            f.cites.push("VOTEQUORUM".into());
            findings.push(f);
        }
        findings.extend(several_active(id.as_str(), seen, payload));
        findings.extend(too_many_nodes(id.as_str(), seen, payload));
        findings.extend(unknown_optimizer(seen, snapshot, payload));
        findings.extend(knows_no_clusters(id.as_str(), seen, payload));
        for trouble in &seen.trouble {
            if *trouble == Trouble::FencingDisabled && estate.policy.allow_fencing_disabled {
                continue;
            }
            findings.push(from_trouble(id.as_str(), trouble));
        }
        for (group, seen_group) in &seen.groups {
            let in_place = seen.kind == ClusterKind::StandAlone
                || payload.in_place && seen_group.role == GroupRole::Service;
            if in_place && cut_off(snapshot, seen_group, payload) {
                // Its installer has stopped what it carries; the plan completes that.
                continue;
            }
            if seen.kind == ClusterKind::StandAlone {
                services(findings, group, seen_group);
            } else if matches!(seen_group.state, GroupState::Failed | GroupState::Pending) {
                findings.push(finding(
                    "cluster/group-not-well",
                    format!("{id}: {group} is {}", seen_group.state),
                    "a group that isn't well can't be moved with certainty",
                    "Bring the group online, or take it offline on purpose, then plan again.",
                ));
            }
            if seen.kind == ClusterKind::Windows && seen_group.state == GroupState::Offline {
                findings.push(finding(
                    "cluster/group-offline",
                    format!("{id}: {group} is offline as a whole"),
                    "what was online in it isn't known, so nothing could be brought back as it was",
                    "Bring the group online, then plan again.",
                ));
            }
            if seen_group.healthy == Some(false) {
                findings.push(finding(
                    "cluster/group-unhealthy",
                    format!("{id}: the health command of {group} says no"),
                    "its users aren't served already, so an interruption could not be told from it",
                    "Find out why; run the command of the estate file by hand.",
                ));
            }
        }
    }
}

/// Groups of users on several nodes of a cluster of Exchange 5.5: which of them is the active one couldn't be told.
fn several_active(id: &str, seen: &ClusterSeen, payload: &Payload) -> Option<Finding> {
    let serving = seen.groups.iter().filter(|(_, group)| group.role == GroupRole::Service);
    let owners: BTreeMap<&ServerId, &GroupId> =
        serving.filter_map(|(id, group)| Some((group.owner.as_ref()?, id))).collect();
    if !payload.in_place || seen.kind != ClusterKind::Windows || owners.len() < 2 {
        return None;
    }
    let each: Vec<String> = owners.iter().map(|(node, group)| format!("{group} on {node}")).collect();
    let mut f = finding(
        "cluster/several-active",
        format!("{id}: several nodes carry groups: {}", each.join(", ")),
        "Exchange 5.5 works on one node of a cluster, and set-up has to run there first: which one it is isn't told by the \
         types of its resources",
        "Move the other groups to the node that has the Exchange group for the time of the run, then plan again.",
    );
    f.cites.push("E55-CLU-ACTIVE-FIRST".into());
    Some(f)
}

/// A cluster of Exchange 5.5 has an active node and a passive one.
fn too_many_nodes(id: &str, seen: &ClusterSeen, payload: &Payload) -> Option<Finding> {
    if !payload.in_place || seen.kind != ClusterKind::Windows || seen.nodes.len() <= 2 {
        return None;
    }
    let mut f = finding(
        "cluster/more-than-two-nodes",
        format!("{id}: {} nodes", seen.nodes.len()),
        "Exchange 5.5 knows a primary node and a secondary one; no order is known for more",
        "List the two nodes that Exchange was set up on, if the cluster has no others; else plan by hand.",
    );
    f.cites.push("E55-CLU-ACTIVE-FIRST".into());
    Some(f)
}

/// Whether the Performance Optimizer was run isn't known where its product is: then nobody could tell either, after it was.
fn unknown_optimizer(seen: &ClusterSeen, snapshot: &Snapshot, payload: &Payload) -> Vec<Finding> {
    let serving = seen.groups.values().filter(|group| payload.optimizer && group.role == GroupRole::Service);
    let owners: BTreeSet<&ServerId> = serving.filter_map(|group| group.owner.as_ref()).collect();
    let known =
        |id: &ServerId| snapshot.servers.get(id).is_none_or(|seen| !seen.reached || seen.optimized.is_some());
    let unknown = owners.into_iter().filter(|id| !known(id));
    let told = unknown.map(|id| Finding {
        cites: vec!["E55-PERFWIZ".into()],
        ..finding(
            "server/unknown-optimizer",
            format!("whether the Performance Optimizer was run on {id} since set-up last worked there could not be learned"),
            "it has to be run after a service pack, and the proof of that is the age of its log against that of set-up",
            "Look at the dates of perfopt.log in the system's folder and of Exchange Server Setup.log in the root of its \
             drive, then plan again.",
        )
    });
    told.collect()
}

/// A fix of Exchange 5.5 on a cluster: it doesn't know clusters, and its own order isn't planned here.
fn knows_no_clusters(id: &str, seen: &ClusterSeen, payload: &Payload) -> Option<Finding> {
    let clustered = seen.kind == ClusterKind::Windows && payload.product == Product::Exchange55;
    if !clustered || payload.in_place {
        return None;
    }
    let mut f = finding(
        "release/knows-no-clusters",
        format!("{id}: {} doesn't know clusters", payload.title),
        "its installer stops services behind the cluster's back, which then starts them again or fails the group over",
        "By hand: take the Exchange group offline on the active node, install there, move the group, install on the other \
         node, move it where you want it, bring it online (KB 271634).",
    );
    f.cites.extend(["E55-CLU-ACTIVE-FIRST", "KB271634"].map(str::to_owned));
    Some(f)
}

/// Services of a server that stands alone that start by themselves and don't run: what its users have could not be told
/// from what the install has broken.
fn services(findings: &mut Vec<Finding>, server: &GroupId, seen: &GroupSeen) {
    let still: Vec<&str> =
        seen.resources.iter().filter(|r| r.state != ResourceState::Online).map(|r| r.id.as_str()).collect();
    if still.is_empty() {
        return;
    }
    let names = still.join(", ");
    findings.push(finding(
        "server/services-stopped",
        format!("{server}: {names} would start with the system and isn't running"),
        "after the install nobody could tell whether that is as it was",
        "Start what is meant to run, and set the start type of the rest to manual, then plan again.",
    ));
}

/// Whether what the plan installs, or needs first, is half installed on the group's owner.
fn cut_off(snapshot: &Snapshot, group: &GroupSeen, payload: &Payload) -> bool {
    let owner = group.owner.as_ref().and_then(|owner| snapshot.servers.get(owner));
    owner.is_some_and(|seen| payload.first.iter().chain([payload]).any(|part| seen.has_half_of(&part.id)))
}

fn nodes(findings: &mut Vec<Finding>, id: &str, seen: &kaketsugi_estate::ClusterSeen) {
    for (node, state) in &seen.nodes {
        let (code, cause, remedy) = match state.state {
            NodeState::Online | NodeState::Standby => continue,
            // A Windows node with a stopped cluster service may be one that an earlier run left half-done.
            NodeState::Offline if seen.kind == ClusterKind::Windows => continue,
            NodeState::Maintenance => (
                "cluster/maintenance-node",
                "the cluster leaves its groups alone, so draining would do nothing",
                "End the maintenance of the node.",
            ),
            NodeState::Unclean => (
                "cluster/node-unclean",
                "it is to be fenced; until then the cluster recovers nothing",
                "Let fencing succeed, or confirm by hand that the node is down.",
            ),
            NodeState::Offline | NodeState::Pending => (
                "cluster/node-offline",
                "with a node missing, one more that is taken out can cost the quorum",
                "Bring the node back into the cluster first.",
            ),
        };
        findings.push(finding(code, format!("{id}: {node} is {}", state.state), cause, remedy));
    }
}

fn from_trouble(place: &str, trouble: &Trouble) -> Finding {
    let (code, symptom, cause, remedy) = match trouble {
        Trouble::MaintenanceMode => (
            "cluster/maintenance-mode",
            "the cluster is in maintenance mode".to_owned(),
            "it would move nothing and recover nothing",
            "crm_attribute --type crm_config --name maintenance-mode --delete",
        ),
        Trouble::Unmanaged { resource } => (
            "cluster/unmanaged",
            format!("the resource {resource} is unmanaged"),
            "the cluster would leave it running on a node that is being patched",
            "crm_resource --resource NAME --meta --delete-parameter is-managed",
        ),
        Trouble::FailedAction { resource, node, what } => (
            "cluster/failed-action",
            format!("a failed action is on record: {what} of {resource} on {node}"),
            "the resource may not be able to run there",
            "Find out why it failed, then: crm_resource --cleanup",
        ),
        Trouble::FailCount { resource, node, count } => (
            "cluster/fail-count",
            format!("the fail-count of {resource} on {node} is {count}"),
            "the cluster may refuse to run it there",
            "Find out why it failed, then: crm_resource --cleanup",
        ),
        Trouble::FencingPending { target } => (
            "cluster/fencing-pending",
            format!("fencing of {target} is pending"),
            "until it ends the cluster recovers nothing",
            "Wait for it, or look at stonith_admin --history '*'.",
        ),
        Trouble::FencingFailed { target } => (
            "cluster/fencing-failed",
            format!("fencing of {target} failed"),
            "a node that fails in the run could not be fenced either",
            "Mend fencing, try it with stonith_admin --reboot in a maintenance window, clean up the history.",
        ),
        Trouble::FencingDisabled => (
            "cluster/fencing-disabled",
            "fencing is disabled, or no fencing device is configured".to_owned(),
            "after a failure two nodes could mount the same data",
            "Configure fencing; or allow it by policy: allow-fencing-disabled = true.",
        ),
        Trouble::Unclean { node } => (
            "cluster/node-unclean",
            format!("{node} is unclean"),
            "it is to be fenced; until then the cluster recovers nothing",
            "Let fencing succeed, or confirm by hand that the node is down.",
        ),
        Trouble::NoQuorum => (
            "cluster/no-quorum",
            "the cluster has no quorum".to_owned(),
            "it runs nothing",
            "Bring nodes back until it has.",
        ),
        Trouble::UnitEnabled { unit } => (
            "cluster/unit-enabled",
            format!("the unit {unit} is enabled although the cluster manages it"),
            "it would start at boot on a node that doesn't own the group",
            "systemctl disable UNIT on every node.",
        ),
        Trouble::UnmodelledConstraint { id, what } => (
            "cluster/unmodelled-constraint",
            format!("the constraint {id}: {what}"),
            "its effect on placement isn't known here, so moves can't be foreseen",
            "Nothing can be done about it here yet; plan by hand.",
        ),
        Trouble::StopNearTimeout { resource, percent } => (
            "cluster/stop-near-timeout",
            format!("the last stop of {resource} took {percent} % of its time-out"),
            "a stop that times out is answered by fencing the node",
            "Raise the stop time-out of the resource.",
        ),
        Trouble::PackagesHeld { packages } => (
            "packages/held",
            format!("packages are on hold: {}", packages.join(", ")),
            "they would stay behind, and what depends on them too",
            "apt-mark unhold, or make a release without them.",
        ),
        Trouble::PackagesBroken { packages } => (
            "packages/broken",
            format!("packages are half installed: {}", packages.join(", ")),
            "an earlier install did not end",
            "dpkg --configure -a, then look at dpkg --audit.",
        ),
        Trouble::PackageLockHeld { by } => (
            "packages/locked",
            format!("the package manager is in use by {by}"),
            "two at once can leave a server half installed",
            "Wait until it has ended.",
        ),
        Trouble::Stopped { resource } => (
            "cluster/resource-stopped",
            format!("the resource {resource} is stopped and nobody disabled it"),
            "the cluster can't run it, and so could not run it elsewhere either",
            "Find out why: crm_resource --why --resource NAME",
        ),
        Trouble::Unreadable { what } => {
            ("probe/unreadable", what.clone(), "what isn't known isn't safe", "Look at the answer by hand.")
        }
    };
    finding(code, format!("{place}: {symptom}"), cause, remedy)
}
