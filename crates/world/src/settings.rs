//! Settings that a run changes beside the patch: what makes a node quiet, and what makes its cluster service start
//! with the system.

use kaketsugi_estate::{ClusterKind, ServerId, Setting, SettingValue};

use crate::World;

/// The Windows service of the cluster software.
const CLUSTER_SERVICE: &str = "ClusSvc";

/// What a setting becomes while other hands are kept off a node. A running cluster service is left running: only its
/// start type changes, so that a restart doesn't bring the node back into the cluster before its turn.
pub(crate) fn quiet(setting: &Setting, value: &SettingValue) -> SettingValue {
    match (setting, value) {
        (Setting::Unit(_), Some(value)) => {
            let stopped = value.replace("active=active", "active=inactive");
            // Held: a drop-in keeps the unit from being started, by a restart of the node as well.
            Some(if stopped.ends_with(" held") { stopped } else { stopped + " held" })
        }
        (Setting::PolicyRcD, _) => Some("kaketsugi".into()),
        (Setting::Service(name), Some(value)) if name.eq_ignore_ascii_case(CLUSTER_SERVICE) => {
            Some(value.replace("auto", "manual"))
        }
        (Setting::Service(_), Some(value)) => Some(value.replace("running", "stopped")),
        (Setting::Failback(_), Some(_)) => Some("0".into()),
        (_, value) => value.clone(),
    }
}

impl World {
    /// Whether a node's cluster service starts with the system. It does unless a setting says otherwise: pacemaker's
    /// unit is enabled, the Windows service starts automatically.
    pub(crate) fn starts_by_itself(&self, node: &ServerId) -> bool {
        let Some(server) = self.server(node) else { return false };
        let Some(cluster) = self.cluster_of(node).and_then(|c| self.cluster(c)) else { return false };
        let prevents = |setting: &Setting, value: &str| match (cluster.truth.kind, setting) {
            (ClusterKind::Pacemaker, Setting::Unit(unit)) => {
                matches!(unit.as_str(), "pacemaker" | "pacemaker.service")
                    && value.contains("enabled=disabled")
            }
            (ClusterKind::Windows, Setting::Service(name)) => {
                name.eq_ignore_ascii_case(CLUSTER_SERVICE)
                    && ["manual", "disabled"].iter().any(|start| value.contains(start))
            }
            _ => false,
        };
        !server
            .truth
            .settings
            .iter()
            .any(|(setting, value)| value.as_deref().is_some_and(|value| prevents(setting, value)))
    }

    /// Writes a setting of a node. Failback belongs to the group, so that every node shows the same.
    pub(crate) fn write_setting(&mut self, node: &ServerId, setting: &Setting, value: &SettingValue) {
        let nodes: Vec<_> = match setting {
            Setting::Failback(_) => self.servers.keys().cloned().collect(),
            _ => vec![node.clone()],
        };
        for id in nodes {
            let Some(server) = self.server_mut(&id) else { continue };
            if id == *node || server.truth.settings.contains_key(setting) {
                server.truth.settings.insert(setting.clone(), value.clone());
            }
            if id == *node && *setting == Setting::Standby {
                server.standby = value.as_deref().is_some_and(|v| matches!(v, "on" | "true" | "yes" | "1"));
            }
        }
    }

    /// Settings that are not as they were found, by server. Those of a server that was never read are not among them.
    #[must_use]
    pub fn settings_changed(&self) -> Vec<(ServerId, Setting)> {
        let mut changed = Vec::new();
        for (node, found) in &self.facts.settings {
            let Some(server) = self.server(node) else { continue };
            for (setting, value) in &server.truth.settings {
                if found.get(setting) != Some(value) {
                    changed.push((node.clone(), setting.clone()));
                }
            }
        }
        changed
    }
}
