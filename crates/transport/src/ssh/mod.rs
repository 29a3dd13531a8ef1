//! Over SSH.
//!
//! A [`Client`] holds what is common to all hosts: the ssh_config files, and the connections to jump hosts. Each
//! [`SshHost`] keeps one connection, opened when the first command comes and opened anew when it was lost. A command is
//! sent once: when its connection is lost the answer is [`Error::ConnectionLost`], never a second try.
//!
//! Strict by design: a host whose key no known_hosts file holds is refused, and so is what ssh_config asks for and
//! isn't done here (`config.rs` has the list). Only public keys log in: the agent's, and key files without passphrase.
//! Algorithms are those of the library (russh, on ring) unless ssh_config takes some away; never compressed.
//!
//! Why not the `ssh` program: it cuts exit codes to 8 bits, so that 256 would be a success.

mod algorithms;
mod auth;
mod config;
mod config_file;
mod connection;
mod known_hosts;
mod pattern;
mod resolve;
#[cfg(test)]
mod resolve_tests;
mod session;
mod watcher;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use self::config_file::Refusal;
use self::connection::Link;
use self::resolve::{Files, Hop};
use crate::{Command, Error, Host, RunFuture};

/// What is common to all hosts of a client. [`Settings::new`] gives the usual places.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The home directory: `~` in ssh_config, and the place of the default keys.
    pub home: PathBuf,
    /// The user name when nothing else is said.
    pub user: String,
    /// The user's ssh_config files; nobody else may be able to write them.
    pub config_files: Vec<PathBuf>,
    /// The system's ssh_config files, which come after the user's.
    pub system_config_files: Vec<PathBuf>,
    /// known_hosts files when ssh_config names none as `UserKnownHostsFile`.
    pub known_hosts: Vec<PathBuf>,
    /// known_hosts files when ssh_config names none as `GlobalKnownHostsFile`.
    pub system_known_hosts: Vec<PathBuf>,
    /// The socket of the ssh-agent, if there is one.
    pub agent: Option<PathBuf>,
    /// How long the connection and the key exchange may take, for each hop, when `ConnectTimeout` says nothing.
    pub connect_timeout: Duration,
    /// How long the log-in may take, for each hop; an agent may ask a person to confirm.
    pub auth_timeout: Duration,
    /// A silent host is asked for a sign of life this often, or more often when `ServerAliveInterval` says so.
    pub alive_interval: Duration,
    /// After this many unanswered questions the connection is lost, or after fewer when `ServerAliveCountMax` says so.
    pub alive_count_max: usize,
    /// How many commands run at the same time on one host; more wait. OpenSSH's server allows 10 by default, but still
    /// counts those whose end it has just sent: half of it can't meet the limit.
    pub sessions_max: usize,
}

impl Settings {
    /// The usual places under this home directory, and the system's files.
    pub fn new(home: impl Into<PathBuf>, user: impl Into<String>, agent: Option<PathBuf>) -> Self {
        let home = home.into();
        let ssh = home.join(".ssh");
        Self {
            user: user.into(),
            config_files: vec![ssh.join("config")],
            system_config_files: vec!["/etc/ssh/ssh_config".into()],
            known_hosts: vec![ssh.join("known_hosts"), ssh.join("known_hosts2")],
            system_known_hosts: vec!["/etc/ssh/ssh_known_hosts".into(), "/etc/ssh/ssh_known_hosts2".into()],
            agent,
            connect_timeout: Duration::from_secs(10),
            auth_timeout: Duration::from_secs(60),
            alive_interval: Duration::from_secs(5),
            alive_count_max: 3,
            sessions_max: 5,
            home,
        }
    }

    /// [`Settings::new`] for the account that runs this process: its home directory and name from the user database,
    /// the agent from `SSH_AUTH_SOCK`.
    ///
    /// # Errors
    /// [`Error::Config`] when the account isn't in the user database.
    pub fn of_this_account() -> Result<Self, Error> {
        let uid = nix::unistd::getuid();
        let account = nix::unistd::User::from_uid(uid).ok().flatten().ok_or_else(|| Error::Config {
            host: "controller".to_owned(),
            place: None,
            why: format!("the account with the number {uid} has no entry in the user database"),
            remedy: "Run as an account that has one".to_owned(),
        })?;
        let agent = std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from);
        Ok(Self::new(account.dir, account.name, agent))
    }

    fn identity_files_default(&self) -> Vec<PathBuf> {
        let names = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];
        names.iter().map(|name| self.home.join(".ssh").join(name)).collect()
    }
}

/// A host as the estate describes it. What is left empty comes from ssh_config, then from the [`Settings`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// What the estate calls it: the name in messages.
    pub name: String,
    /// The name or address to connect to; ssh_config's `Host` patterns are matched against it.
    pub address: String,
    /// The account to log in as.
    pub user: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// Private keys to log in with. When any are given, other keys of the agent stay unused.
    pub identity_files: Vec<PathBuf>,
    /// The jump hosts, the nearest to the controller first, each `[user@]host[:port]`; `Some` of an empty list is none at all.
    pub jump: Option<Vec<String>>,
    /// known_hosts files in place of the user's; the system's are read as well.
    pub known_hosts: Vec<PathBuf>,
    /// The name under which the host's key stands in the known_hosts files.
    pub host_key_alias: Option<String>,
}

impl Target {
    /// A host of this name at this address, all else from ssh_config.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self { name: name.into(), address: address.into(), ..Self::default() }
    }
}

/// Opens hosts; see the [module's documentation](self).
#[derive(Debug)]
pub struct Client {
    settings: Arc<Settings>,
    files: Files,
    jumps: std::sync::Mutex<BTreeMap<String, Arc<Link>>>,
}

impl Client {
    /// Reads the ssh_config files.
    ///
    /// # Errors
    /// [`Error::Config`] when one can't be read, or others than its owner can write it.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let files = Files::read(&settings).map_err(|refusal| config_error("controller", refusal))?;
        Ok(Self { settings: Arc::new(settings), files, jumps: std::sync::Mutex::default() })
    }

    /// Decides how a host is reached; nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Config`] when ssh_config asks for something that isn't done here, or that makes no sense.
    pub fn host(&self, target: &Target) -> Result<SshHost, Error> {
        let hop = resolve::resolve(&self.settings, &self.files, target)
            .map_err(|refusal| config_error(&target.name, refusal))?;
        tracing::debug!(
            host = target.name,
            address = hop.address(),
            user = hop.user,
            "way to the host decided"
        );
        let jump = hop.jump.as_deref().map(|jump| self.jump(jump));
        let sessions = Arc::new(Semaphore::new(self.settings.sessions_max.max(1)));
        Ok(SshHost { link: Link::new(hop, jump, self.settings.auth_timeout), sessions })
    }

    /// The connection to a jump host, the same for all hosts behind it.
    fn jump(&self, hop: &Hop) -> Arc<Link> {
        let before = hop.jump.as_deref().map(|before| self.jump(before));
        // A poisoned lock means that another thread panicked while it held the map, which is whole all the same.
        let mut jumps = self.jumps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let link = jumps
            .entry(hop.key())
            .or_insert_with(|| Arc::new(Link::new(hop.clone(), before, self.settings.auth_timeout)));
        Arc::clone(link)
    }
}

fn config_error(host: &str, refusal: Refusal) -> Error {
    Error::Config { host: host.to_owned(), place: refusal.place, why: refusal.why, remedy: refusal.remedy }
}

/// A host that is reached over SSH.
#[derive(Debug)]
pub struct SshHost {
    link: Link,
    sessions: Arc<Semaphore>,
}

impl SshHost {
    /// Connects and logs in, unless that is done already: to learn early whether the host can be reached.
    ///
    /// # Errors
    /// Those that are [`certainly_not_begun`](Error::certainly_not_begun).
    pub async fn connect(&self) -> Result<(), Error> {
        self.link.connection().await.map(drop)
    }

    /// `address:port`, and by way of which jump hosts.
    pub fn address(&self) -> String {
        self.link.hop.address()
    }
}

impl Host for SshHost {
    fn name(&self) -> &str {
        &self.link.hop.name
    }

    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a> {
        Box::pin(session::run(&self.link, &self.sessions, command))
    }
}

/// Where the public key lies that belongs to a private one.
fn public_beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}
