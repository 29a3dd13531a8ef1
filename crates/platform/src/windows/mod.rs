//! Exchange Server 2003, 2000 and 5.5 in server clusters of Windows, and on servers that stand alone.
//!
//! Everything is asked and done by commands that the fact sheets have sources for: `cluster.exe`, `sc`, `net`, `reg`,
//! `wmic`, `schtasks` and the words of `cmd.exe`; on Windows 2000 and NT 4.0, which lack most of them, by a script
//! (`tools`). Numbers are read where there are numbers; words only where there is nothing else, and an unknown word is
//! *unknown*, never a guess.
//!
//! - [`probe`](self) — `probe/`: what is there. Changes nothing.
//! - `lock` — a directory made once on each node's disk, with a token that is looked at inside every acting command.
//! - `script`, `work` — an action is a batch file in a directory of its own, started as a scheduled task; its exit code
//!   is in a file. A lost connection loses nothing, and a task whose token is no longer the lock's does nothing.
//! - `act` — the lines of each action, and [`WindowsCluster::can_by_machine`].
//! - [`Directory`] — `serialNumber` of virtual servers, and the schema maps of the Active Directory Connector, read only;
//!   [`ldif`] writes what was read.
//!
//! What has no source isn't done by the machine: the set-up of a service pack and the upgrade of a virtual server are
//! a person's. Looking commands may be of our own knowledge: a wrong one can only give no answer.

mod act;
mod cluster;
mod directory;
pub mod ldif;
mod lock;
mod names;
mod probe;
mod script;
mod shell;
mod text;
mod tools;
mod work;

pub use cluster::{RunAs, WindowsCluster};
pub use directory::{Directory, DirectoryError, LdapDirectory, ServerObject};
