//! The cluster service of a node, and the resources of a group.

use kaketsugi_estate::{GroupSeen, NodeState, ResourceId, ResourceState, ServerId};
use kaketsugi_plan::{Action, Condition};

use super::super::cluster::{NAME, WindowsCluster};
use super::super::probe;
use super::super::script::{Lines, literal};
use super::super::tools::Tools;
use super::{Work, patience};
use crate::{Error, Order, Question};

impl WindowsCluster {
    /// A node through which the cluster can be spoken to: this one if its service runs (unless another is wanted),
    /// else the first whose does.
    pub(super) async fn speaker(
        &self,
        order: &Order<'_>,
        node: &ServerId,
        other: bool,
    ) -> Result<ServerId, Error> {
        let mut places = self.places(order.step);
        places.retain(|n| !other || n != node);
        places.sort_by_key(|n| n != node);
        for place in &places {
            let shell = self.shell(place)?;
            if let Ok(Some(true)) = probe::cluster_service(shell).await {
                return Ok(place.clone());
            }
        }
        Err(Error::Failed {
            host: node.clone(),
            what: "finding a node that speaks for the cluster".into(),
            why: "the cluster service runs on none of them; start it on one, then resume".into(),
        })
    }

    /// Pauses a node, or resumes it: `cluster node N /pause|/resume`. Through the node itself where its service runs, so that
    /// what is written is written where it is looked at.
    pub(super) async fn switch(&self, order: &Order<'_>, node: &ServerId, verb: &str) -> Result<Work, Error> {
        let speaker = self.speaker(order, node, false).await?;
        let mut lines = Lines::default();
        lines.must(format!("cluster node {} /{verb}", self.name(node, node.as_str())?));
        Ok(Work { node: speaker, lines })
    }

    /// Stops or starts the cluster service: by `cluster node N /start|/stop`, which has a source when it is asked of another
    /// node and came with Windows Server 2003; else by `net`, on the node itself (Platform SDK, RestoreClusterDatabase; the
    /// cluster service's own event messages).
    pub(super) async fn service(
        &self,
        order: &Order<'_>,
        node: &ServerId,
        verb: &str,
        already: u32,
    ) -> Result<Work, Error> {
        let mut lines = Lines::default();
        let speaker = match self.shell(node)?.tools {
            Tools::Shipped => self.speaker(order, node, true).await.ok(),
            Tools::Script => None,
        };
        let Some(speaker) = speaker else {
            // 2 is how `net` says that it is so already; what is so is looked at afterwards.
            lines.must_or(format!("net {verb} clussvc"), 2);
            return Ok(Work { node: node.clone(), lines });
        };
        let name = self.name(node, node.as_str())?;
        lines.must_or(format!("cluster node {name} /{verb} /wait:{}", patience(order)), already);
        Ok(Work { node: speaker, lines })
    }

    /// Offline: what stands on others first. Online: what others stand on first. Both where the group is: whether it
    /// may be online there was judged before, and a run that is given up brings it back where it was left.
    pub(super) async fn resources(&self, order: &Order<'_>) -> Result<Work, Error> {
        let action = &order.step.action;
        let (Action::TakeOffline { cluster, group } | Action::BringOnline { cluster, group, .. }) = action
        else {
            return Err(Error::NoSuchAction { what: action.name().into(), platform: NAME });
        };
        let places = self.places(order.step);
        let Some(first) = places.first() else {
            return Err(Error::NoSuchAction {
                what: format!("{} without a node", action.name()),
                platform: NAME,
            });
        };
        let failed = |why: &str| Error::Failed {
            host: first.clone(),
            what: format!("{} of {group}", action.name()),
            why: why.into(),
        };
        let question = Question { servers: places.iter().cloned().collect(), ..Question::default() };
        let seen = self.look(&question).await;
        let seen = seen.clusters.get(cluster).ok_or_else(|| failed("the cluster gave no answer"))?;
        let found = seen.groups.get(group).ok_or_else(|| failed("there is no such group"))?;
        let owner = found.owner.clone().ok_or_else(|| failed("nobody has it"))?;
        if seen.nodes.get(&owner).map(|n| n.state) != Some(NodeState::Online) {
            return Err(failed("its owner isn't online"));
        }
        let (names, verb) = match action {
            Action::TakeOffline { .. } => (to_take_offline(found), "offline"),
            _ => (to_bring_online(found, order), "online"),
        };
        let mut lines = Lines::default();
        for name in names {
            let name = self.name(&owner, name.as_str())?;
            lines.must(format!("cluster res {} /{verb} /wait:{}", literal(&name), patience(order)));
        }
        Ok(Work { node: owner, lines })
    }
}

/// Everything but the kept-online set that isn't offline.
fn to_take_offline(group: &GroupSeen) -> Vec<ResourceId> {
    let due = |state| state != ResourceState::Offline;
    group.resources.iter().rev().filter(|r| !r.kept_online && due(r.state)).map(|r| r.id.clone()).collect()
}

/// What the step expects to be online and isn't.
fn to_bring_online(group: &GroupSeen, order: &Order<'_>) -> Vec<ResourceId> {
    let wanted = order.step.expects.iter().find_map(|c| match c {
        Condition::GroupAsBefore { online, .. } => Some(online),
        _ => None,
    });
    let wanted = |id: &ResourceId| wanted.is_none_or(|online| online.contains(id));
    let due = |state| state != ResourceState::Online;
    group.resources.iter().filter(|r| wanted(&r.id) && due(r.state)).map(|r| r.id.clone()).collect()
}
