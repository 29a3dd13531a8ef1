//! What stands in the way of a run in a cluster; each kind becomes a finding.

use std::collections::BTreeSet;

use kaketsugi_estate::{ResourceState, Trouble};

use super::cib::{Bundle, Cib};
use super::history;
use super::monitor::{FenceStatus, Monitor};
use super::xml::boolean;

/// Adds what the monitor, the configuration and the history give cause for.
pub(crate) fn collect(monitor: &Monitor, cib: &Cib, bundles: &[Bundle], troubles: &mut BTreeSet<Trouble>) {
    let option = |name: &str| {
        monitor.options.get(name).map(String::as_str).or_else(|| cib.property(name)).and_then(boolean)
    };
    let maintenance = option("maintenance-mode") == Some(true);
    if maintenance {
        troubles.insert(Trouble::MaintenanceMode);
    }
    fencing(option("stonith-enabled"), monitor, bundles, troubles);
    resources(monitor, bundles, maintenance, troubles);
    troubles.extend(monitor.failures.iter().map(|f| Trouble::FailedAction {
        resource: f.resource.clone(),
        node: f.node.clone(),
        what: f.what.clone(),
    }));
    troubles.extend(monitor.fail_counts.iter().map(|f| Trouble::FailCount {
        resource: f.resource.clone(),
        node: f.node.clone(),
        count: f.count,
    }));
    troubles.extend(
        history::slow_stops(cib, bundles)
            .into_iter()
            .map(|stop| Trouble::StopNearTimeout { resource: stop.resource, percent: stop.percent }),
    );
}

fn fencing(enabled: Option<bool>, monitor: &Monitor, bundles: &[Bundle], troubles: &mut BTreeSet<Trouble>) {
    let device = bundles.iter().any(|b| b.fencing && b.members.iter().any(|m| !m.disabled));
    // The default is true: only a clear `false` switches it off.
    if enabled == Some(false) || !device {
        troubles.insert(Trouble::FencingDisabled);
    }
    for (target, event) in &monitor.fencing {
        match event.status {
            FenceStatus::Pending => troubles.insert(Trouble::FencingPending { target: target.clone() }),
            FenceStatus::Failed => troubles.insert(Trouble::FencingFailed { target: target.clone() }),
            FenceStatus::Succeeded => continue,
        };
    }
}

fn resources(monitor: &Monitor, bundles: &[Bundle], maintenance: bool, troubles: &mut BTreeSet<Trouble>) {
    for (id, lines) in &monitor.resources {
        for line in lines {
            // In maintenance mode nothing is managed; saying so once is enough.
            if !line.managed && !maintenance {
                troubles.insert(Trouble::Unmanaged { resource: id.clone() });
            }
            if line.blocked {
                let (resource, node) = (id.clone(), line.nodes.join(", "));
                troubles.insert(Trouble::FailedAction {
                    resource,
                    node,
                    what: "blocked: the cluster won't touch it".into(),
                });
            }
            if line.orphaned && line.state != ResourceState::Offline {
                let what = "it runs, but is no longer configured".to_owned();
                troubles.insert(Trouble::UnmodelledConstraint { id: id.clone(), what });
            }
        }
    }
    for bundle in bundles {
        let state =
            |id: &str| monitor.resources.get(id).and_then(|lines| lines.first()).map(|line| line.state);
        // While one member is on its way, the others of its group wait for it.
        if bundle.members.iter().any(|m| state(&m.id) == Some(ResourceState::Pending)) {
            continue;
        }
        for member in
            bundle.members.iter().filter(|m| !m.disabled && state(&m.id) == Some(ResourceState::Offline))
        {
            troubles.insert(Trouble::Stopped { resource: member.id.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn troubles(options: &str, resource: &str, properties: &str, fence: &str) -> Vec<Trouble> {
        let monitor = Monitor::parse(&format!(
            "<pacemaker-result><summary><current_dc present=\"true\" name=\"n1\" with_quorum=\"true\"/>\
             <cluster_options {options}/></summary><nodes/><resources>{resource}</resources></pacemaker-result>"
        ))
        .unwrap();
        let cib = Cib::parse(&format!(
            "<cib><configuration><crm_config><cluster_property_set id=\"s\">{properties}</cluster_property_set></crm_config>\
             <resources><primitive id=\"p\" class=\"ocf\" provider=\"x\" type=\"y\"/>{fence}</resources></configuration></cib>"
        ))
        .unwrap();
        let mut found = BTreeSet::new();
        collect(&monitor, &cib, &cib.bundles(), &mut found);
        found.into_iter().collect()
    }

    const FENCE: &str = "<primitive id=\"f\" class=\"stonith\" type=\"fence_x\"/>";
    const GOOD: &str = "<resource id=\"p\" role=\"Started\" active=\"true\" failed=\"false\" managed=\"true\" orphaned=\"false\" blocked=\"false\"/>";

    #[test]
    fn a_good_cluster_has_none() {
        assert_eq!(troubles("stonith-enabled=\"true\"", GOOD, "", FENCE), []);
    }

    #[test]
    fn each_cause_is_told_apart() {
        assert_eq!(troubles("stonith-enabled=\"false\"", GOOD, "", FENCE), [Trouble::FencingDisabled]);
        assert_eq!(troubles("", GOOD, "", ""), [Trouble::FencingDisabled], "no device");
        let off = "<nvpair id=\"x\" name=\"stonith-enabled\" value=\"no\"/>";
        assert_eq!(troubles("", GOOD, off, FENCE), [Trouble::FencingDisabled], "older monitors don't sum up");
        let unmanaged = GOOD.replace("managed=\"true\"", "managed=\"false\"");
        assert_eq!(troubles("", &unmanaged, "", FENCE), [Trouble::Unmanaged { resource: "p".into() }]);
        assert_eq!(troubles("maintenance-mode=\"true\"", &unmanaged, "", FENCE), [Trouble::MaintenanceMode]);
        let stopped = GOOD.replace("active=\"true\"", "active=\"false\"").replace("Started", "Stopped");
        assert_eq!(troubles("", &stopped, "", FENCE), [Trouble::Stopped { resource: "p".into() }]);
        let blocked = GOOD.replace("blocked=\"false\"", "blocked=\"true\"");
        assert!(matches!(troubles("", &blocked, "", FENCE).as_slice(), [Trouble::FailedAction { .. }]));
        let orphan = GOOD.replace("orphaned=\"false\"", "orphaned=\"true\"");
        assert!(matches!(
            troubles("", &orphan, "", FENCE).as_slice(),
            [Trouble::UnmodelledConstraint { .. }]
        ));
    }
}
