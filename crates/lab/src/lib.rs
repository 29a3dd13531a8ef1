//! The real cluster: Pacemaker nodes on one Linux machine.
//!
//! Two to five Debian nodes as machines of `systemd-nspawn`, in a network of their own, with fencing that really cuts
//! power, a shared store, a mail group on it, and a repository that holds real updates. Nothing in it is played: what a
//! test does here is done to corosync, Pacemaker, dpkg and SSH as they are.
//!
//! ```no_run
//! let lab = kaketsugi_lab::Lab::up(&kaketsugi_lab::Config::mail(3))?;
//! let owner = lab.owner("mail")?;
//! let cut_at = kaketsugi_lab::epoch_ms();
//! lab.power_off(&owner)?;
//! lab.wait_fenced(&owner, cut_at, std::time::Duration::from_secs(60))?;
//! lab.wait_ready(std::time::Duration::from_secs(90))?;
//! assert!(lab.double_mounts()?.is_empty());
//! lab.down()?;
//! # Ok::<(), kaketsugi_lab::LabError>(())
//! ```
//!
//! A lab needs root on Debian and about 200 MB of memory per node. `docs/lab.md` tells what it can and can't show.

mod archive;
mod base;
mod cgroup;
mod cluster_files;
mod config;
mod control;
pub mod deb;
mod error;
mod facts;
mod guardian;
mod host;
mod lab;
pub mod mail;
mod mon;
mod network;
mod node;
mod power;
mod registry;
mod repository;
mod shell;
mod supervisor;
mod watch;

pub use base::{Base, CACHE_DIR};
pub use config::{Config, Group, GroupKind, MAIL_ADDRESS, WEB_ADDRESS};
pub use control::{LabStatus, MountSpan, NodeStatus};
pub use error::{LabError, Result};
pub use facts::{FACTS_FILE, Facts, GroupFacts, NodeFacts};
pub use host::{check, possible_for, prepare};
pub use lab::{Lab, ssh_options, supervise};
pub use mon::{ClusterView, NodeView, ResourceView};
pub use network::Cut;
pub use repository::Repository;
pub use shell::epoch_ms;
