//! Why a command didn't come to an end that we know.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no [`Output`](crate::Output).
///
/// Every message says where, why, and what to do. Text that came from the other side is made safe for a terminal
/// before it gets in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings for this host can't be used. Nothing was sent.
    #[error("{host}: {}{why}. {remedy}", place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default())]
    Config {
        /// The host, as the estate calls it.
        host: String,
        /// `file:line` of what can't be used, where there is one.
        place: Option<String>,
        /// What is wrong.
        why: String,
        /// What to do about it.
        remedy: String,
    },

    /// No connection came about. Nothing was sent.
    #[error("{host}: can't be reached at {address}: {why}. {remedy}")]
    Unreachable {
        /// The host, as the estate calls it.
        host: String,
        /// What was tried: `address:port`, and by way of which jump host.
        address: String,
        /// What stood in the way.
        why: String,
        /// What to do about it.
        remedy: String,
    },

    /// The host showed a key that isn't the one we know. Nothing was sent.
    #[error("{host}: {problem}")]
    HostKey {
        /// The host, as the estate calls it; a jump host by its own name.
        host: String,
        /// What is wrong with the key.
        problem: Box<HostKeyProblem>,
    },

    /// The host knows us not. Nothing was sent.
    #[error(
        "{host}: log-in as {user} was refused. Tried: {}. {remedy}",
        if tried.is_empty() { "nothing, there was no key to try".to_owned() } else { tried.join("; ") }
    )]
    Auth {
        /// The host, as the estate calls it; a jump host by its own name.
        host: String,
        /// The user name that was given.
        user: String,
        /// Each key that was tried or passed over, and what came of it.
        tried: Vec<String>,
        /// What to do about it.
        remedy: String,
    },

    /// The command certainly did not begin, though the host was there.
    #[error("{host}: the command was not begun: {why}. {remedy}")]
    NotSent {
        /// The host, as the estate calls it.
        host: String,
        /// What stood in the way.
        why: String,
        /// What to do about it.
        remedy: String,
    },

    /// `sudo` didn't let the command begin.
    #[error("{host}: no right to run commands as {target}: {why}. {remedy}")]
    NoPrivilege {
        /// The host, as the estate calls it.
        host: String,
        /// The account that was asked for, such as `root`.
        target: String,
        /// What sudo said.
        why: String,
        /// What to do about it.
        remedy: String,
    },

    /// The connection was lost after the command had been sent: it may have run, in part or to its end, or may still.
    #[error(
        "{host}: the connection was lost while a command ran: {why}. The command may have run: look at the host before it is run again"
    )]
    ConnectionLost {
        /// The host, as the estate calls it.
        host: String,
        /// How the connection ended.
        why: String,
    },

    /// The command wasn't over in its time: it may have run in part, and may still be running.
    #[error(
        "{host}: the command wasn't over after {} s; {state}. Look at the host before it is run again",
        after.as_secs_f64()
    )]
    TimedOut {
        /// The host, as the estate calls it.
        host: String,
        /// The time it had.
        after: Duration,
        /// What was done about it (killed, or asked to end).
        state: String,
    },

    /// A recording holds no answer to this command.
    #[error(
        "{host}: the recording has no answer left for the command `{line}`. Record it anew, or correct the command"
    )]
    NotRecorded {
        /// The host, as the recording calls it.
        host: String,
        /// The command line.
        line: String,
    },

    /// A look's command whose answer nobody has brought yet; it stands on the next sheet.
    #[error("{host}: nobody has brought the answer yet")]
    Awaited {
        /// The host, as the estate calls it.
        host: String,
    },

    /// A person didn't bring the answers to sheets.
    #[error(
        "{host}: no answer to {}: {why}. Run each sheet on its server, bring the .txt file that it writes back beside it, \
         then call this again",
        sheets.iter().map(|s| s.display().to_string()).collect::<Vec<_>>().join(" and ")
    )]
    Unanswered {
        /// The first host without an answer, as the estate calls it.
        host: String,
        /// All sheets that were handed out together.
        sheets: Vec<PathBuf>,
        /// What is missing or wrong, or what the person says.
        why: String,
    },

    /// The person who was asked can't be heard any more: the outcome of what they were told is unknown.
    #[error("{host}: no answer from the operator: {why}. Look at the host, then answer `resume`'s question")]
    NoAnswer {
        /// The host the request was about.
        host: String,
        /// Why there is no answer.
        why: String,
    },
}

impl Error {
    /// Whether the command certainly never began, so that trying again can't do anything twice.
    ///
    /// `false` means *unknown*: the command may not have begun, may have ended, or may be running now.
    pub fn certainly_not_begun(&self) -> bool {
        match self {
            Error::Config { .. }
            | Error::Unreachable { .. }
            | Error::HostKey { .. }
            | Error::Auth { .. }
            | Error::NotSent { .. }
            | Error::NoPrivilege { .. }
            | Error::NotRecorded { .. }
            | Error::Awaited { .. } => true,
            Error::ConnectionLost { .. }
            | Error::TimedOut { .. }
            | Error::NoAnswer { .. }
            | Error::Unanswered { .. } => false,
        }
    }

    /// The host that the error is about, as the estate calls it.
    pub fn host(&self) -> &str {
        match self {
            Error::Config { host, .. }
            | Error::Unreachable { host, .. }
            | Error::HostKey { host, .. }
            | Error::Auth { host, .. }
            | Error::NotSent { host, .. }
            | Error::NoPrivilege { host, .. }
            | Error::ConnectionLost { host, .. }
            | Error::TimedOut { host, .. }
            | Error::NotRecorded { host, .. }
            | Error::Awaited { host }
            | Error::Unanswered { host, .. }
            | Error::NoAnswer { host, .. } => host,
        }
    }
}

/// What is wrong with the key that a host showed.
///
/// Keys are never learned on first sight: a person compares the fingerprint and adds the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKeyProblem {
    /// No file knows this host.
    Unknown {
        /// The name looked up: the lower-case host name, `[name]:port` when the port isn't 22, or the HostKeyAlias.
        name: String,
        /// The algorithm of the key shown, such as `ssh-ed25519`.
        algorithm: String,
        /// The fingerprint of the key shown, as `ssh-keygen -lf` prints it.
        fingerprint: String,
        /// The files that were read.
        files: Vec<PathBuf>,
        /// What came close, such as a line for certificates or for another port.
        note: Option<String>,
    },
    /// A file knows this host by another key: somebody listens in, or the host was installed anew.
    Changed {
        /// The name looked up.
        name: String,
        /// The algorithm of the key shown.
        algorithm: String,
        /// The fingerprint of the key shown.
        fingerprint: String,
        /// The file of the first line that knows another key.
        file: PathBuf,
        /// That line, from 1.
        line: usize,
    },
    /// The key shown, or that of the authority which vouches for it, is weaker than ssh_config allows.
    Weak {
        /// The name looked up.
        name: String,
        /// The algorithm of the key.
        algorithm: String,
        /// The fingerprint of the key.
        fingerprint: String,
        /// What is too weak about it.
        why: String,
    },
    /// A file marks the key shown as revoked.
    Revoked {
        /// The name looked up.
        name: String,
        /// The fingerprint of the key shown.
        fingerprint: String,
        /// The file with the `@revoked` line.
        file: PathBuf,
        /// That line, from 1.
        line: usize,
    },
}

impl fmt::Display for HostKeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostKeyProblem::Unknown { name, algorithm, fingerprint, files, note } => {
                let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
                write!(f, "the host key is unknown: {name} showed {algorithm} {fingerprint}, and ")?;
                match files.as_slice() {
                    [] => write!(f, "no known_hosts file was found")?,
                    files => write!(f, "no line for it stands in {}", files.join(", "))?,
                }
                if let Some(note) = note {
                    write!(f, " ({note})")?;
                }
                write!(
                    f,
                    ". Compare the fingerprint with the host's own (`ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` at its console), then add the key to a known_hosts file"
                )
            }
            HostKeyProblem::Changed { name, algorithm, fingerprint, file, line } => write!(
                f,
                "THE HOST KEY HAS CHANGED: {name} showed {algorithm} {fingerprint}, but {}:{line} knows another key. Either somebody stands between, or the host was installed anew: compare the fingerprint at its console before that line is corrected",
                file.display()
            ),
            HostKeyProblem::Weak { name, algorithm, fingerprint, why } => write!(
                f,
                "the host key is too weak: {name} showed {algorithm} {fingerprint}: {why}. Give the host a stronger key, or allow this one in ssh_config"
            ),
            HostKeyProblem::Revoked { name, fingerprint, file, line } => write!(
                f,
                "the host key is revoked: {name} showed {fingerprint}, which {}:{line} marks as @revoked. Give the host a new key",
                file.display()
            ),
        }
    }
}
