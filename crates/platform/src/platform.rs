//! The contract between runner and platforms.

use std::collections::BTreeSet;

use async_trait::async_trait;
use kaketsugi_estate::{ClusterId, LockSeen, ServerId, Snapshot};
use kaketsugi_plan::{Baseline, Payload, Plan, Step};
use sha2::{Digest, Sha256};

/// What a probe is to look at.
#[derive(Debug, Clone, Default)]
pub struct Question<'a> {
    /// The release whose state on the servers is asked for; without one no release state is looked at.
    pub payload: Option<&'a Payload>,
    /// Only these servers, and the clusters they are in. Empty: all.
    pub servers: BTreeSet<ServerId>,
    /// Whether the groups' health commands are run too.
    pub health: bool,
    /// What the look is for, and what wasn't so at the last one: for the person whom it costs a walk.
    pub why: Vec<String>,
}

/// A step that is to be carried out.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The plan it belongs to.
    pub plan: &'a Plan,
    /// The step.
    pub step: &'a Step,
    /// Counts from 1.
    pub attempt: u32,
    /// The lock under which it may act, checked inside the acting command.
    pub token: &'a LockSeen,
    /// What was captured when the run began.
    pub start: &'a Baseline,
}

impl Order<'_> {
    /// The name under which the work runs on its node: the same for the same run, step and attempt, and another one for
    /// every other. It stands for itself in names of files, units and tasks.
    ///
    /// Names in a step's id may be written in any script, and may differ in punctuation only; what is left of them for
    /// people to read is told apart by a digest of the whole id.
    #[must_use]
    pub fn handle(&self) -> String {
        handle(&self.token.run, self.step.id.as_str(), self.attempt)
    }
}

fn handle(run: &str, step: &str, attempt: u32) -> String {
    let words: Vec<&str> =
        step.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let readable: String = words.join("-").chars().take(READABLE_CHARS_MAX).collect();
    let digest = hex::encode(Sha256::digest(step));
    let name = [readable.trim_end_matches('-'), &digest[..DIGEST_CHARS]];
    let name = name.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    format!("kaketsugi-{run}-{name}-{attempt}")
}

/// So much of a step's id is kept readable in its handle. With it, a run's id and a digest the name of a unit file stays
/// below the 255 bytes of Linux file systems, and that of a directory below what Windows takes.
const READABLE_CHARS_MAX: usize = 60;

/// Hexadecimal digits of the digest in a handle: among a thousand steps two share one with a chance of 1 in 500 million.
const DIGEST_CHARS: usize = 12;

/// What beginning a step led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It runs under its handle; poll it.
    Running,
    /// It has ended within the call.
    Ended {
        /// The whole exit code.
        code: u32,
        /// Its output, bounded, made harmless for terminals.
        output: String,
    },
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Nothing under this handle was ever begun on the node.
    NotBegun,
    /// It runs.
    Running {
        /// The last lines of its output, bounded.
        tail: String,
    },
    /// It has ended.
    Ended {
        /// The whole exit code, read from the file that the node wrote.
        code: u32,
        /// Its output, bounded.
        output: String,
    },
    /// It was begun and neither runs nor has written its exit code: the node lost power, or it was killed.
    Vanished {
        /// What it had printed.
        output: String,
    },
}

/// Why a platform could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host could not be spoken to; whether a command began is in the source.
    #[error("{host}: no answer")]
    Host {
        /// Which host.
        host: ServerId,
        /// What the transport says.
        #[source]
        source: kaketsugi_transport::Error,
    },
    /// The lock is not ours any more: another run, or the same run taken over. Nothing was done.
    #[error("{host}: the lock is held by {found}, not by this run; nothing was done")]
    NotOurs {
        /// Which host.
        host: ServerId,
        /// Who holds it, or `nobody`.
        found: String,
    },
    /// The account has no privilege for it.
    #[error("{host}: {what}")]
    NoPrivilege {
        /// Which host.
        host: ServerId,
        /// What was refused, and what to do.
        what: String,
    },
    /// An answer that could not be understood. Nothing is assumed from it.
    #[error("{host}: {what} could not be understood: {why}")]
    Unreadable {
        /// Which host.
        host: ServerId,
        /// Which command's answer.
        what: String,
        /// Why.
        why: String,
    },
    /// A command that looks only, or prepares, failed.
    #[error("{host}: {what} failed: {why}")]
    Failed {
        /// Which host.
        host: ServerId,
        /// Which command.
        what: String,
        /// Exit code and the last lines.
        why: String,
    },
    /// The platform has no such action.
    #[error("{what} can't be done on {platform}")]
    NoSuchAction {
        /// Which action.
        what: String,
        /// Which platform.
        platform: &'static str,
    },
}

/// One product's and one cluster software's commands. An implementation holds the hosts it speaks to.
#[async_trait]
pub trait Platform: Send + Sync {
    /// Looks at servers and clusters; changes nothing. A server that doesn't answer is in the snapshot with
    /// `reached: false`: that is no error.
    async fn probe(&self, question: &Question<'_>) -> Snapshot;

    /// Freezes the release: what exactly would be installed on each server, with digests. Changes nothing.
    ///
    /// # Errors
    /// What could not be resolved, with the reason.
    async fn freeze(&self, release: &str, snapshot: &Snapshot) -> Result<Payload, Error>;

    /// Begins a machine step under its handle. Asked twice for the same handle it begins nothing new.
    ///
    /// # Errors
    /// [`Error::Host`] says by its source whether the work may have begun.
    async fn begin(&self, order: &Order<'_>) -> Result<Begun, Error>;

    /// Looks how far a step is.
    ///
    /// # Errors
    /// When the node can't be asked.
    async fn poll(&self, order: &Order<'_>) -> Result<Progress, Error>;

    /// Takes the locks of all nodes and clusters of the estate, or raises the epoch of locks that this run holds.
    ///
    /// # Errors
    /// [`Error::NotOurs`] when another run has one; those taken so far are given back.
    async fn lock(&self, token: &LockSeen) -> Result<(), Error>;

    /// Gives the locks back. Locks of other runs are left alone.
    ///
    /// # Errors
    /// When a node can't be asked.
    async fn unlock(&self, token: &LockSeen) -> Result<(), Error>;

    /// Names of clusters that this platform speaks for.
    fn clusters(&self) -> Vec<ClusterId>;

    /// Whether this look costs a person's time: then nobody looks again only because some seconds have passed.
    fn looks_cost_a_person(&self, question: &Question<'_>) -> bool {
        let _ = question;
        false
    }

    /// Why the last look came to nothing, when it waits for a person to bring answers; what they have to do.
    fn waits_for_person(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    fn handle(id: &str, attempt: u32) -> String {
        super::handle("20260301-020000-2f454b", id, attempt)
    }

    #[test]
    fn a_handle_is_readable_and_the_same_each_time() {
        let name = handle("E03-CLU-04-INSTALL/NODE2/1", 1);
        assert!(name.starts_with("kaketsugi-20260301-020000-2f454b-E03-CLU-04-INSTALL-NODE2-1-"), "{name}");
        assert_eq!(name, handle("E03-CLU-04-INSTALL/NODE2/1", 1));
        assert_ne!(name, handle("E03-CLU-04-INSTALL/NODE2/1", 2));
    }

    #[test]
    fn no_two_orders_share_a_handle() {
        let long = "x".repeat(300);
        let ids = [
            // Two nodes and a group whose names leave nothing that a unit's name can hold.
            "install/大阪一/1",
            "install/大阪二/1",
            "install/東京一/1",
            // Names that differ in punctuation only.
            "move/EVS 1/1",
            "move/EVS-1/1",
            "move/EVS_1/1",
            "move/EVS.1/1",
            "move/EVS1/1",
            "move/EVS/1/1",
            // Ids that differ behind what is kept readable.
            &format!("move/{long}a/1"),
            &format!("move/{long}b/1"),
            "日本",
            "",
        ];
        let handles: BTreeSet<String> =
            ids.iter().flat_map(|id| [1, 11].map(|attempt| handle(id, attempt))).collect();
        assert_eq!(handles.len(), 2 * ids.len(), "{handles:#?}");
        for handle in &handles {
            assert!(handle.len() <= 120, "{handle}");
            assert!(handle.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{handle}");
            assert!(!handle.contains("--"), "{handle}");
        }
    }
}
