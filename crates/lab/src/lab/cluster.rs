//! What the cluster in the lab says and does, and waiting for it.

use std::time::Duration;

use super::Lab;
use crate::error::{LabError, Result};
use crate::mon::ClusterView;
use crate::shell::wait_for;

impl Lab {
    /// What the cluster says, asked of `node`.
    ///
    /// # Errors
    /// The node has no power or its cluster stack doesn't run.
    pub fn cluster(&self, node: &str) -> Result<ClusterView> {
        ClusterView::parse(&self.exec_inside(node, "crm_mon -1 --output-as=xml")?)
    }

    /// What the cluster says, asked of the first node that answers.
    ///
    /// # Errors
    /// No node answers.
    pub fn cluster_view(&self) -> Result<ClusterView> {
        let mut last = LabError::Refused { why: "the lab has no nodes".into() };
        for node in &self.facts.nodes {
            match self.cluster(&node.name) {
                Ok(view) => return Ok(view),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The node that carries a group.
    ///
    /// # Errors
    /// None does at the moment.
    pub fn owner(&self, group: &str) -> Result<String> {
        let view = self.cluster_view()?;
        let owner = view.owner(group).map(str::to_owned);
        owner.ok_or_else(|| LabError::Refused {
            why: format!("group {group} isn't at rest: {}", view.summary()),
        })
    }

    /// Waits until all nodes are online and all groups run.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with what was there instead.
    pub fn wait_ready(&self, patience: Duration) -> Result<ClusterView> {
        self.wait_ready_without(&[], patience)
    }

    /// Waits until all nodes but these are online and all groups run.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with what was there instead.
    pub fn wait_ready_without(&self, without: &[&str], patience: Duration) -> Result<ClusterView> {
        let ask = self.facts.nodes.iter().find(|n| !without.contains(&n.name.as_str()));
        let ask = ask.ok_or_else(|| LabError::Config { why: "every node is left out".into() })?.name.clone();
        wait_for("nodes and groups", patience, Duration::from_millis(300), || {
            let view = self.cluster(&ask).map_err(|e| e.to_string())?;
            let running = self.facts.groups.iter().all(|group| view.owner(&group.name).is_some());
            if running && view.all_online(without) { Ok(view) } else { Err(view.summary()) }
        })
    }

    /// Waits until somebody fenced the node after that time (milliseconds since the epoch, see [`crate::epoch_ms`]). A
    /// cluster needs some seconds to notice a loss; until then it still tells the old state.
    ///
    /// # Errors
    /// [`LabError::Timeout`]: nobody did.
    pub fn wait_fenced(&self, node: &str, after_ms: u64, patience: Duration) -> Result<()> {
        wait_for(&format!("{node} to be fenced"), patience, Duration::from_millis(200), || {
            let fencings = self.status().map_err(|e| e.to_string())?.fencings;
            let found = fencings.iter().any(|(at, _, name)| *at >= after_ms && name == node);
            if found { Ok(()) } else { Err(format!("{fencings:?}")) }
        })
    }

    /// Moves a group away from its owner and lets the cluster decide later again; returns its new owner. The bare
    /// move against which a patch run is measured.
    ///
    /// # Errors
    /// The cluster didn't settle.
    pub fn move_group(&self, group: &str) -> Result<String> {
        let from = self.owner(group)?;
        self.exec_inside(
            &from,
            &format!("crm_resource --resource {group} --move && crm_resource --wait --timeout=90"),
        )?;
        self.exec_inside(
            &from,
            &format!("crm_resource --resource {group} --clear && crm_resource --wait --timeout=90"),
        )?;
        self.owner(group)
    }
}
