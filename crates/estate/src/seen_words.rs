//! What was seen, in the words of people: states as they stand in a sentence, and what stands in the way of a run.

use std::fmt;

use crate::{GroupState, NodeState, ReleaseState, ResourceState, Trouble};

/// As in “NODE2 is …”.
impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Online => "online",
            Self::Standby => "in standby",
            Self::Maintenance => "in maintenance",
            Self::Pending => "on its way",
            Self::Offline => "offline",
            Self::Unclean => "unclean",
        })
    }
}

/// As in “the group is …”.
impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Online => "online",
            Self::Partial => "partly online",
            Self::Offline => "offline",
            Self::Failed => "failed",
            Self::Pending => "on its way",
        })
    }
}

/// As in “the resource is …”.
impl fmt::Display for ResourceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Failed => "failed",
            Self::Pending => "on its way",
        })
    }
}

/// As in “the release is …”.
impl fmt::Display for ReleaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "not installed",
            Self::Partial => "begun, but not whole",
            Self::Installed => "installed",
            Self::Newer => "followed by something newer",
        })
    }
}

/// A clause, without a full stop.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaintenanceMode => f.write_str("the cluster is in maintenance mode"),
            Self::Unmanaged { resource } => write!(f, "{resource} is not managed by the cluster"),
            Self::FailedAction { resource, node, what } => {
                write!(f, "an action on {resource} has failed on {node}: {what}")
            }
            Self::FailCount { resource, node, count } => {
                write!(f, "{resource} has a fail-count of {count} on {node}")
            }
            Self::FencingPending { target } => write!(f, "the fencing of {target} is pending"),
            Self::FencingFailed { target } => write!(f, "the fencing of {target} has failed"),
            Self::FencingDisabled => f.write_str("fencing is disabled"),
            Self::Unclean { node } => write!(f, "{node} is unclean: it is to be fenced"),
            Self::NoQuorum => f.write_str("there is no quorum"),
            Self::UnitEnabled { unit } => write!(f, "{unit} is enabled, and the cluster manages it as well"),
            Self::UnmodelledConstraint { id, what } => {
                write!(f, "the constraint {id} can't be foreseen: {what}")
            }
            Self::StopNearTimeout { resource, percent } => {
                write!(f, "the last stop of {resource} took {percent} % of its time-out")
            }
            Self::PackagesHeld { packages } => write!(f, "held packages: {}", packages.join(", ")),
            Self::PackagesBroken { packages } => {
                write!(f, "packages that are neither installed nor removed: {}", packages.join(", "))
            }
            Self::PackageLockHeld { by } => write!(f, "the package manager's lock is held by {by}"),
            Self::Stopped { resource } => write!(f, "{resource} is stopped, and nobody disabled it"),
            Self::Unreadable { what } => write!(f, "could not be read: {what}"),
        }
    }
}
