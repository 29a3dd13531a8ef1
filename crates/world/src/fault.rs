//! What can go wrong, with the estate and with a command, and the end of it.

use std::fmt;

use kaketsugi_estate::{ClusterId, GroupId, GroupState, ReleaseState, ResourceId, ServerId, Trouble};
use serde::{Deserialize, Serialize};

use crate::{Command, World};

/// Something that goes wrong with the estate, whoever does what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fault")]
#[expect(missing_docs, reason = "the fields name the node, cluster, group or resource that fails")]
pub enum Fault {
    /// A node loses its power.
    PowerLost {
        node: ServerId,
        /// Whether it comes back by itself.
        returns: bool,
    },
    /// A node neither answers nor hears anybody, and goes on running what it runs.
    CutOff { node: ServerId },
    /// A resource can't start on a node any more.
    StartFails { cluster: ClusterId, group: GroupId, resource: ResourceId, node: ServerId },
    /// A group can't be stopped where it is: Pacemaker fences the node for it.
    StopFails { cluster: ClusterId, group: GroupId },
}

/// Something that goes wrong with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mishap {
    /// It fails before it did anything.
    FailsBefore,
    /// It fails half-way, and what it did stays.
    FailsHalfway,
    /// It begins and never ends.
    Hangs,
    /// It is done, and nobody is told.
    AnswerLost,
    /// The connection breaks while it is at work; it goes on by itself.
    ConnectionDrops,
    /// A file that it replaces is in use, so that a restart is owed.
    FileInUse,
}

impl Mishap {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::FailsBefore,
        Self::FailsHalfway,
        Self::Hangs,
        Self::AnswerLost,
        Self::ConnectionDrops,
        Self::FileInUse,
    ];
}

impl World {
    /// What comes of a fault, the clusters' own reactions included.
    #[must_use]
    pub fn fault(&self, fault: &Fault) -> Self {
        let mut world = self.clone();
        match fault {
            Fault::PowerLost { node, returns } => {
                world.power_off(node);
                world.settle();
                if *returns {
                    world.boot(node);
                }
            }
            Fault::CutOff { node } => {
                if let Some(server) = world.server_mut(node) {
                    server.cut_off = true;
                    server.lost = server.service;
                }
            }
            Fault::StartFails { cluster, group, resource, node } => {
                if let Some(cluster) = world.cluster_mut(cluster) {
                    cluster.broken.insert((group.clone(), resource.clone(), node.clone()));
                }
            }
            Fault::StopFails { cluster, group } => {
                let owner = world.owner(cluster, group).cloned();
                if let Some(node) = owner {
                    world.power_off(&node);
                    world.settle();
                    world.boot(&node);
                }
            }
        }
        world.settle();
        world
    }

    /// What comes of a command that goes wrong. None: it can't go wrong like this, here.
    #[must_use]
    pub fn mishap(&self, command: &Command, mishap: Mishap) -> Option<Self> {
        let done = self.command(command).ok()?;
        match mishap {
            Mishap::FailsBefore => Some(self.clone()),
            Mishap::AnswerLost | Mishap::ConnectionDrops => Some(done),
            Mishap::Hangs => self.midway(command).into_iter().next(),
            Mishap::FailsHalfway => {
                let mut world = self.midway(command).into_iter().next()?;
                match command {
                    Command::Install { node, .. } => world.kill_installer(node),
                    // A restart that fails half-way is a node that doesn't come back: a fault of its own.
                    Command::Restart { .. } => return None,
                    _ => {}
                }
                world.settle();
                Some(world)
            }
            Mishap::FileInUse => match command {
                Command::Install { node, .. } => {
                    let mut world = done;
                    world.server_mut(node)?.truth.restart_pending = Some(true);
                    Some(world)
                }
                _ => None,
            },
        }
    }

    /// Ends every fault as an administrator would: power comes back, nodes that were cut off are restarted, resources
    /// can start again and their failures are cleaned up, and so can the cluster's start of groups that had failed.
    #[must_use]
    pub fn repair(&self) -> Self {
        let mut world = self.clone();
        let down: Vec<_> =
            world.servers.iter().filter(|(_, s)| !s.power || s.cut_off).map(|(id, _)| id.clone()).collect();
        for node in &down {
            if world.server(node).is_some_and(|s| s.cut_off) {
                world.power_off(node);
                world.settle();
            }
            world.boot(node);
        }
        let hung: Vec<_> =
            world.servers.iter().filter(|(_, s)| s.installing.is_some()).map(|(id, _)| id.clone()).collect();
        for node in hung {
            world.kill_installer(&node);
        }
        let ids: Vec<_> = world.clusters.keys().cloned().collect();
        for id in ids {
            let Some(cluster) = world.cluster_mut(&id) else { continue };
            let broken = std::mem::take(&mut cluster.broken);
            let of_fault = |resource: &str, node: &str| {
                broken.iter().any(|(_, r, n)| r.as_str() == resource && n.as_str() == node)
            };
            cluster.truth.trouble.retain(|t| match t {
                Trouble::FailCount { resource, node, .. } | Trouble::FailedAction { resource, node, .. } => {
                    !of_fault(resource, node)
                }
                _ => true,
            });
        }
        world.settle();
        world
    }

    /// Groups of users that don't serve and servers with a half-installed release: what is not as it should be, in
    /// words, for traces.
    #[must_use]
    pub fn ailments(&self) -> Vec<String> {
        let mut ailments = Vec::new();
        for (id, server) in &self.servers {
            if !server.answers() {
                ailments.push(format!("{id} doesn't answer"));
            }
            for (release, state) in &server.truth.releases {
                if *state == ReleaseState::Partial {
                    ailments.push(format!("{release} is half installed on {id}"));
                }
            }
        }
        for cluster in self.clusters.values() {
            for (id, group) in &cluster.truth.groups {
                if group.role == kaketsugi_estate::GroupRole::Service && group.state != GroupState::Online {
                    ailments.push(format!("{id} isn't online"));
                }
            }
        }
        ailments
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerLost { node, returns: true } => write!(f, "{node} loses its power and comes back"),
            Self::PowerLost { node, returns: false } => write!(f, "{node} loses its power and stays down"),
            Self::CutOff { node } => write!(f, "{node} is cut off and runs on"),
            Self::StartFails { resource, node, group, .. } => {
                write!(f, "{resource} of {group} can't start on {node} any more")
            }
            Self::StopFails { group, .. } => write!(f, "{group} can't be stopped where it is"),
        }
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FailsBefore => "fails before it does anything",
            Self::FailsHalfway => "fails half-way",
            Self::Hangs => "hangs",
            Self::AnswerLost => "is done, but the answer is lost",
            Self::ConnectionDrops => "goes on while the connection breaks",
            Self::FileInUse => "finds a file in use",
        })
    }
}
