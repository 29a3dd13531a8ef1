//! What `crm_mon` says of nodes, resources, failures and fencing.
//!
//! Read from `crm_mon --output-as=xml -1 -r -f` (Pacemaker 2.0.3 and later) or `--as-xml` (before). Elements and
//! attributes that aren't known are passed over; what must be there and isn't makes the whole answer unreadable.

use std::collections::BTreeMap;

use kaketsugi_estate::{NodeState, ResourceState};

use super::xml::{Element, XmlError};

/// Why an answer of `crm_mon` could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MonitorError {
    /// It isn't XML as `crm_mon` prints it.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Something that every version prints isn't there.
    #[error("{0} is missing")]
    Missing(String),
    /// `crm_mon` itself says that it failed.
    #[error("crm_mon answered {code}: {message}")]
    Status {
        /// Its exit code.
        code: String,
        /// What it says.
        message: String,
    },
}

/// One node's view of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Monitor {
    /// The designated controller. None: the cluster is electing one, and the rest of the view means nothing yet.
    pub(crate) dc: Option<String>,
    /// Whether the partition has quorum.
    pub(crate) quorum: Option<bool>,
    /// Options as `crm_mon` sums them up: `maintenance-mode`, `stonith-enabled`, `stop-all-resources`, …
    pub(crate) options: BTreeMap<String, String>,
    /// Nodes in the order of their names.
    pub(crate) nodes: BTreeMap<String, NodeLine>,
    /// Resources by id; a clone has several lines.
    pub(crate) resources: BTreeMap<String, Vec<ResourceLine>>,
    /// Fail-counts above zero.
    pub(crate) fail_counts: Vec<FailCount>,
    /// Failed actions.
    pub(crate) failures: Vec<Failure>,
    /// The newest fencing action of each target.
    pub(crate) fencing: BTreeMap<String, FenceEvent>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeLine {
    pub(crate) state: NodeState,
    /// `member`, `remote`, `guest`; older versions don't say.
    pub(crate) kind: Option<String>,
}

/// A resource, or one instance of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceLine {
    pub(crate) state: ResourceState,
    pub(crate) managed: bool,
    pub(crate) blocked: bool,
    /// Whether the configuration doesn't know it any more.
    pub(crate) orphaned: bool,
    pub(crate) nodes: Vec<String>,
}

/// How often a resource failed on a node since it was last cleaned up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FailCount {
    pub(crate) resource: String,
    pub(crate) node: String,
    pub(crate) count: u32,
}

/// A failed action.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Failure {
    pub(crate) resource: String,
    pub(crate) node: String,
    pub(crate) what: String,
}

/// A fencing action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FenceEvent {
    pub(crate) status: FenceStatus,
    /// As `crm_mon` writes it; within one answer all have the same form. Pending ones have none.
    pub(crate) completed: String,
}

/// How a fencing action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FenceStatus {
    Succeeded,
    Failed,
    Pending,
}

impl Monitor {
    /// Reads an answer.
    pub(crate) fn parse(text: &str) -> Result<Self, MonitorError> {
        let root = match Element::parse(text, "pacemaker-result") {
            // Before 2.0.3 the root had the program's name.
            Err(XmlError::Root { found, .. }) if found == "crm_mon" => Element::parse(text, "crm_mon")?,
            other => other?,
        };
        check_status(&root)?;
        let missing = |what: &str| MonitorError::Missing(what.to_owned());
        let summary = root.child("summary").ok_or_else(|| missing("<summary>"))?;
        let dc = summary.child("current_dc").ok_or_else(|| missing("<current_dc>"))?;
        let present = dc.flag("present").unwrap_or(false);
        let mut monitor = Self {
            dc: dc.attribute("name").filter(|_| present).map(str::to_owned),
            quorum: if present { dc.flag("with_quorum") } else { None },
            options: summary.child("cluster_options").map(|o| o.attributes.clone()).unwrap_or_default(),
            ..Self::default()
        };
        for node in root.child("nodes").ok_or_else(|| missing("<nodes>"))?.all("node") {
            let name = node.attribute("name").ok_or_else(|| missing("a node's name"))?;
            monitor.nodes.insert(name.to_owned(), node_line(node)?);
        }
        let resources = root.child("resources").ok_or_else(|| missing("<resources>"))?;
        for resource in resources.walk().into_iter().filter(|e| e.name == "resource") {
            let id = resource.attribute("id").ok_or_else(|| missing("a resource's id"))?;
            // Instances of unique clones are called `id:0`.
            let id = id.split_once(':').map_or(id, |(id, _)| id);
            monitor.resources.entry(id.to_owned()).or_default().push(resource_line(resource)?);
        }
        monitor.read_history(&root);
        Ok(monitor)
    }

    fn read_history(&mut self, root: &Element) {
        let text = |e: &Element, name: &str| e.attribute(name).unwrap_or("?").to_owned();
        for node in root.child("node_history").into_iter().flat_map(|h| h.all("node")) {
            for resource in node.all("resource_history") {
                let count = match resource.attribute("fail-count") {
                    None | Some("0") => continue,
                    // INFINITY, and whatever else isn't a number, is at least one failure.
                    Some(count) => count.parse().unwrap_or(1_000_000),
                };
                self.fail_counts.push(FailCount {
                    resource: text(resource, "id"),
                    node: text(node, "name"),
                    count,
                });
            }
        }
        for failure in root.child("failures").into_iter().flat_map(|f| f.all("failure")) {
            let key = text(failure, "op_key");
            let (resource, operation) = operation_key(&key);
            let reason = failure.attribute("exitreason").filter(|r| !r.is_empty() && *r != "none");
            let what = format!(
                "{operation}: {}{}",
                text(failure, "exitstatus"),
                reason.map(|r| format!(" ({r})")).unwrap_or_default()
            );
            self.failures.push(Failure { resource: resource.to_owned(), node: text(failure, "node"), what });
        }
        for event in root.child("fence_history").into_iter().flat_map(|f| f.all("fence_event")) {
            let status = match event.attribute("status") {
                Some("success") => FenceStatus::Succeeded,
                Some("pending") => FenceStatus::Pending,
                // An unknown word is no success.
                _ => FenceStatus::Failed,
            };
            let seen =
                FenceEvent { status, completed: event.attribute("completed").unwrap_or("").to_owned() };
            let newer = |old: &FenceEvent| {
                old.status != FenceStatus::Pending
                    && (status == FenceStatus::Pending || seen.completed > old.completed)
            };
            let target = text(event, "target");
            if self.fencing.get(&target).is_none_or(newer) {
                self.fencing.insert(target, seen);
            }
        }
    }
}

fn check_status(root: &Element) -> Result<(), MonitorError> {
    match root.child("status") {
        Some(status) if status.attribute("code").is_some_and(|code| code != "0") => {
            Err(MonitorError::Status {
                code: status.attribute("code").unwrap_or("?").to_owned(),
                message: status.attribute("message").unwrap_or("").to_owned(),
            })
        }
        _ => Ok(()),
    }
}

fn node_line(node: &Element) -> Result<NodeLine, MonitorError> {
    let flag = |name: &str| {
        node.flag(name)
            .ok_or_else(|| MonitorError::Missing(format!("`{name}` of node {:?}", node.attribute("name"))))
    };
    let state = if flag("unclean")? {
        NodeState::Unclean
    } else if flag("pending")? {
        NodeState::Pending
    } else if !flag("online")? {
        NodeState::Offline
    } else if node.flag("shutdown") == Some(true) {
        NodeState::Pending
    } else if flag("maintenance")? {
        NodeState::Maintenance
    } else if flag("standby")? || node.flag("standby_onfail") == Some(true) {
        NodeState::Standby
    } else {
        NodeState::Online
    };
    Ok(NodeLine { state, kind: node.attribute("type").map(str::to_owned) })
}

fn resource_line(resource: &Element) -> Result<ResourceLine, MonitorError> {
    let flag = |name: &str| {
        resource.flag(name).ok_or_else(|| {
            MonitorError::Missing(format!("`{name}` of resource {:?}", resource.attribute("id")))
        })
    };
    let (active, failed) = (flag("active")?, flag("failed")?);
    // A monitor that is under way says nothing about where the resource is going.
    let under_way =
        |word: &str| matches!(word, "Starting" | "Stopping" | "Migrating" | "Promoting" | "Demoting");
    let state = if failed {
        ResourceState::Failed
    } else if resource.attribute("role").is_some_and(under_way)
        || resource.attribute("pending").is_some_and(under_way)
    {
        ResourceState::Pending
    } else if active {
        ResourceState::Online
    } else {
        ResourceState::Offline
    };
    Ok(ResourceLine {
        state,
        managed: flag("managed")?,
        blocked: resource.flag("blocked").unwrap_or(false),
        orphaned: resource.flag("orphaned").or_else(|| resource.flag("removed")).unwrap_or(false),
        nodes: resource.all("node").filter_map(|n| n.attribute("name")).map(str::to_owned).collect(),
    })
}

/// `mail-imap_monitor_10000` → `mail-imap`, `monitor`.
fn operation_key(key: &str) -> (&str, &str) {
    let mut parts = key.rsplitn(3, '_');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_interval), Some(operation), Some(resource)) => (resource, operation),
        _ => (key, "operation"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Monitor {
        let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
        Monitor::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_healthy_cluster() {
        let seen = fixture("mon-ok.xml");
        assert_eq!(seen.dc.as_deref(), Some("n3"));
        assert_eq!(seen.quorum, Some(true));
        assert_eq!(seen.nodes.len(), 3);
        assert!(seen.nodes.values().all(|n| n.state == NodeState::Online));
        let store = &seen.resources["mail-store"][0];
        assert_eq!(
            (store.state, store.nodes.as_slice()),
            (ResourceState::Online, ["n2".to_owned()].as_slice())
        );
        assert!(store.managed && !store.blocked && !store.orphaned);
        assert!(seen.failures.is_empty() && seen.fail_counts.is_empty() && seen.fencing.is_empty());
    }

    #[test]
    fn standby_is_told_from_online_and_a_stopping_resource_from_a_running_one() {
        let seen = fixture("mon-draining.xml");
        assert_eq!(seen.nodes["n2"].state, NodeState::Standby);
        assert_eq!(seen.resources["mail-smtp"][0].state, ResourceState::Pending);
        assert_eq!(seen.resources["web-ip"][0].state, ResourceState::Online);
    }

    #[test]
    fn failures_counts_and_fencing_are_found() {
        let seen = fixture("mon-failcount.xml");
        assert_eq!(seen.nodes["n2"].state, NodeState::Offline);
        let failure =
            Failure { resource: "mail-imap".into(), node: "n3".into(), what: "monitor: not running".into() };
        assert_eq!(seen.failures, [failure]);
        assert_eq!(
            seen.fail_counts,
            [FailCount { resource: "mail-imap".into(), node: "n3".into(), count: 1 }]
        );
        assert_eq!(seen.fencing["n2"].status, FenceStatus::Succeeded);
    }

    #[test]
    fn a_cluster_without_a_controller_is_no_view() {
        let seen = fixture("mon-electing.xml");
        assert_eq!((seen.dc, seen.quorum), (None, None));
    }

    #[test]
    fn a_later_success_ends_an_earlier_failure() {
        let answer = |events: &str| {
            format!(
                "<pacemaker-result><summary><current_dc present=\"false\"/></summary><nodes/><resources/>\
                 <fence_history>{events}</fence_history></pacemaker-result>"
            )
        };
        let failed = "<fence_event target=\"n1\" status=\"failed\" completed=\"2026-01-01 10:00:00Z\"/>";
        let success = "<fence_event target=\"n1\" status=\"success\" completed=\"2026-01-01 10:05:00Z\"/>";
        let pending = "<fence_event target=\"n1\" status=\"pending\"/>";
        let status = |events: &str| Monitor::parse(&answer(events)).unwrap().fencing["n1"].status;
        assert_eq!(status(&format!("{failed}{success}")), FenceStatus::Succeeded);
        assert_eq!(status(&format!("{success}{failed}")), FenceStatus::Succeeded);
        assert_eq!(status(failed), FenceStatus::Failed);
        assert_eq!(status(&format!("{pending}{success}")), FenceStatus::Pending);
        assert_eq!(status(&format!("{success}{pending}")), FenceStatus::Pending);
    }

    #[test]
    fn what_every_version_prints_must_be_there() {
        let no_flag = "<pacemaker-result><summary><current_dc present=\"false\"/></summary>\
                       <nodes><node name=\"n1\" online=\"true\"/></nodes><resources/></pacemaker-result>";
        assert!(
            matches!(Monitor::parse(no_flag), Err(MonitorError::Missing(what)) if what.contains("unclean"))
        );
        let failed = "<pacemaker-result><status code=\"102\" message=\"Not connected\"/></pacemaker-result>";
        assert!(matches!(Monitor::parse(failed), Err(MonitorError::Status { .. })));
    }

    #[test]
    fn operation_keys_are_split_from_the_right() {
        assert_eq!(operation_key("my_db_monitor_10000"), ("my_db", "monitor"));
        assert_eq!(operation_key("odd"), ("odd", "operation"));
    }
}
