//! The cluster of Windows Server 2003: groups, resources, who has them, and what it does by itself.
//!
//! The configuration is durable and the same on all nodes; states are volatile. Each resource remembers whether it is
//! *wanted* online (its persistent state): a move, a fail-over and a restart restore exactly that.

mod model;
mod react;
mod work;

pub(crate) use model::{Cluster, GroupState, Resource, ResourceState};
pub(crate) use react::{begin, node_left, power_cut, power_on, restart, start_service, stop_service};
pub(crate) use work::{Busy, move_group, settle_group};
