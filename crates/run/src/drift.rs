//! Whether the estate is still as a plan says.

use kaketsugi_estate::Snapshot;

/// What differs between what a plan was made from and what is there now, in words; empty when nothing that a plan
/// rests on has changed. Times, evidence, boots, settings and health may differ.
///
/// A lock is a difference, whoever holds it: a run that is at work may have changed settings beside the patch, and
/// they would be taken for the administrator's.
#[must_use]
pub fn drift(planned: &Snapshot, now: &Snapshot) -> Vec<String> {
    let mut differences = Vec::new();
    for (id, was) in &planned.servers {
        let Some(is) = now.servers.get(id) else {
            differences.push(format!("{id} was not looked at"));
            continue;
        };
        if !is.reached {
            let why = is.unreached_why.as_deref().unwrap_or("no reason known");
            differences.push(format!("{id} doesn't answer: {why}"));
            continue;
        }
        if let Some(lock) = &is.lock {
            differences.push(format!("{id} is locked by the run {}", lock.run));
        }
        note(&mut differences, &format!("the releases on {id}"), &was.releases, &is.releases);
        note(&mut differences, &format!("the version on {id}"), &was.version, &is.version);
        note(
            &mut differences,
            &format!("the cluster service on {id}"),
            &was.cluster_service,
            &is.cluster_service,
        );
        if is.installer_running != Some(false) {
            differences.push(format!("an installer may be running on {id}"));
        }
        for trouble in is.trouble.iter().filter(|t| !was.trouble.contains(t)) {
            differences.push(format!("new trouble on {id}: {trouble:?}"));
        }
    }
    for (id, was) in &planned.clusters {
        let Some(is) = now.clusters.get(id) else {
            differences.push(format!("the cluster {id} could not be read"));
            continue;
        };
        if let Some(lock) = &is.lock {
            differences.push(format!("{id} is locked by the run {}", lock.run));
        }
        note(&mut differences, &format!("the nodes of {id}"), &was.nodes, &is.nodes);
        note(&mut differences, &format!("the quorum of {id}"), &was.quorum, &is.quorum);
        note(&mut differences, &format!("the configuration of {id}"), &was.configuration, &is.configuration);
        for trouble in is.trouble.iter().filter(|t| !was.trouble.contains(t)) {
            differences.push(format!("new trouble in {id}: {trouble:?}"));
        }
        for (group, was) in &was.groups {
            match is.groups.get(group) {
                None => differences.push(format!("the group {group} is gone")),
                Some(is) => {
                    note(&mut differences, &format!("the owner of {group}"), &was.owner, &is.owner);
                    note(&mut differences, &format!("the state of {group}"), &was.state, &is.state);
                    note(&mut differences, &format!("the version of {group}"), &was.version, &is.version);
                }
            }
        }
        for group in is.groups.keys().filter(|g| !was.groups.contains_key(*g)) {
            differences.push(format!("the group {group} is new"));
        }
    }
    differences
}

fn note<T: PartialEq + std::fmt::Debug>(differences: &mut Vec<String>, what: &str, was: &T, is: &T) {
    if was != is {
        differences.push(format!("{what} changed: was {was:?}, is {is:?}"));
    }
}
