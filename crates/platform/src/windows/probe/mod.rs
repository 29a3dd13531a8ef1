//! What is there: nodes, releases, the cluster. Nothing here changes anything.

mod alone;
mod cluster;
mod look;
mod node;
mod releases;
mod settings;
mod table;

pub(super) use node::{boot, cluster_service};
pub(super) use releases::{record_line, record_path};
pub(super) use settings::ServiceState;
