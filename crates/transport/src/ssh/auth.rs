//! Logging in, with public keys only.
//!
//! In OpenSSH's order: keys of the agent that an identity file names, the agent's other keys (unless `IdentitiesOnly`),
//! then key files that need no passphrase. A key file with a passphrase counts as a name: its key must be in the agent.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, load_public_key, load_secret_key};
use tokio::net::UnixStream;

use super::public_beside;
use super::resolve::Hop;
use super::watcher::Watcher;
use crate::Error;
use crate::text::one_line;

type Agent = AgentClient<UnixStream>;

/// A key file that was found.
struct Identity {
    file: PathBuf,
    public: Option<PublicKey>,
    /// The key itself, when it needs no passphrase and may be used.
    private: Option<PrivateKey>,
    /// Why there is no private key.
    why_not: Option<String>,
}

/// What came of one key.
enum Outcome {
    In,
    Refused,
}

/// A log-in under way.
struct LogIn<'a> {
    hop: &'a Hop,
    handle: &'a mut Handle<Watcher>,
    tried: Vec<String>,
    rsa_hash: Option<HashAlg>,
}

/// Logs in, or says what was tried.
pub(super) async fn log_in(hop: &Hop, handle: &mut Handle<Watcher>) -> Result<(), Error> {
    let identities = identities(hop);
    let mut log_in = LogIn { hop, handle, tried: Vec::new(), rsa_hash: None };
    let mut agent = log_in.agent().await;
    let held = match &mut agent {
        Some(agent) => log_in.held(agent).await,
        None => Vec::new(),
    };
    let any_rsa = held
        .iter()
        .map(|held| held.public_key().into_owned())
        .chain(identities.iter().filter_map(|identity| identity.public.clone()));
    if any_rsa.into_iter().any(|key| key.algorithm().is_rsa()) {
        // The library waits up to a second for the host to say what it takes: only when there is an RSA key.
        log_in.rsa_hash = log_in.handle.best_supported_rsa_hash().await.ok().flatten().flatten();
    }
    let named = |held: &AgentIdentity| {
        let key = held.public_key();
        identities.iter().any(|identity| {
            identity.public.as_ref().is_some_and(|public| public.key_data() == key.key_data())
        })
    };
    if let Some(agent) = &mut agent {
        let (first, then): (Vec<_>, Vec<_>) = held.iter().partition(|held| named(held));
        let then = if hop.identities_only { Vec::new() } else { then };
        for held in first.into_iter().chain(then) {
            if let Outcome::In = log_in.by_agent(agent, held).await? {
                return Ok(());
            }
        }
    }
    for identity in &identities {
        let held = identity
            .public
            .as_ref()
            .is_some_and(|public| held.iter().any(|held| held.public_key().key_data() == public.key_data()));
        match &identity.private {
            _ if held => {}
            Some(private) => {
                if let Outcome::In = log_in.by_file(&identity.file, private).await? {
                    return Ok(());
                }
            }
            None => {
                let why = identity.why_not.as_deref().unwrap_or("no private key");
                log_in.tried.push(format!("{}: {why}", identity.file.display()));
            }
        }
    }
    Err(log_in.refused("Put one of these keys into the account's authorized_keys, or load the right key into the agent (`ssh-add`), or name it with IdentityFile"))
}

impl LogIn<'_> {
    async fn agent(&mut self) -> Option<Agent> {
        let socket = self.hop.agent.as_deref()?;
        match Agent::connect_uds(socket).await {
            Ok(mut agent) => {
                // Keys bound to a destination are shown only on a bound connection; an agent that knows nothing of
                // it answers with a failure and is used as it is.
                if let Some(binding) = self.handle.agent_session_binding().cloned() {
                    let _ = agent.bind_session(&binding, false).await;
                }
                Some(agent)
            }
            Err(why) => {
                self.tried.push(format!("the agent at {} can't be reached: {why}", socket.display()));
                None
            }
        }
    }

    async fn held(&mut self, agent: &mut Agent) -> Vec<AgentIdentity> {
        match agent.request_identities().await {
            Ok(held) => {
                if held.is_empty() {
                    self.tried.push("the agent holds no key".to_owned());
                }
                held
            }
            Err(why) => {
                self.tried.push(format!("the agent doesn't list its keys: {why}"));
                Vec::new()
            }
        }
    }

    async fn by_agent(&mut self, agent: &mut Agent, held: &AgentIdentity) -> Result<Outcome, Error> {
        let key = held.public_key().into_owned();
        let name = format!(
            "{} {} of the agent ({})",
            key.algorithm(),
            key.fingerprint(HashAlg::Sha256),
            one_line(held.comment())
        );
        let Some(hash) = self.hop.algorithms.user_key_hash(&key, self.rsa_hash) else {
            self.tried.push(format!("{name}: its algorithm isn't allowed"));
            return Ok(Outcome::Refused);
        };
        let user = self.hop.user.as_str();
        let result = match held {
            AgentIdentity::PublicKey { key, .. } => {
                self.handle.authenticate_publickey_with(user, key.clone(), hash, agent).await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                self.handle.authenticate_certificate_with(user, certificate.clone(), hash, agent).await
            }
        };
        match result {
            Ok(result) => self.judge(name, result),
            Err(why) => {
                self.tried.push(format!("{name}: the agent doesn't sign: {}", one_line(&why.to_string())));
                self.still_there().map(|()| Outcome::Refused)
            }
        }
    }

    async fn by_file(&mut self, file: &Path, private: &PrivateKey) -> Result<Outcome, Error> {
        let name = format!("{} ({})", file.display(), private.fingerprint(HashAlg::Sha256));
        let Some(hash) = self.hop.algorithms.user_key_hash(private.public_key(), self.rsa_hash) else {
            self.tried.push(format!("{name}: its algorithm isn't allowed"));
            return Ok(Outcome::Refused);
        };
        let key = PrivateKeyWithHashAlg::new(Arc::new(private.clone()), hash);
        match self.handle.authenticate_publickey(self.hop.user.as_str(), key).await {
            Ok(result) => self.judge(name, result),
            Err(why) => {
                self.tried.push(format!("{name}: {}", one_line(&why.to_string())));
                self.still_there().map(|()| Outcome::Refused)
            }
        }
    }

    fn judge(&mut self, name: String, result: AuthResult) -> Result<Outcome, Error> {
        match result {
            AuthResult::Success => Ok(Outcome::In),
            AuthResult::Failure { partial_success: true, remaining_methods } => {
                let more: Vec<String> = remaining_methods.iter().map(String::from).collect();
                self.tried
                    .push(format!("{name}: accepted, but the host asks for {} as well", more.join(", ")));
                Err(self.refused(
                    "Let the account log in with a key alone: nothing else can be answered unattended",
                ))
            }
            AuthResult::Failure { remaining_methods, .. } => {
                self.tried.push(format!("{name}: refused"));
                self.still_there()?;
                if !remaining_methods.contains(&russh::MethodKind::PublicKey) {
                    return Err(
                        self.refused("Let the host's sshd accept public keys (PubkeyAuthentication yes)")
                    );
                }
                Ok(Outcome::Refused)
            }
        }
    }

    /// The library reports a connection that ended amid a log-in as one more refusal.
    fn still_there(&mut self) -> Result<(), Error> {
        if !self.handle.is_closed() {
            return Ok(());
        }
        self.tried.push("then the host closed the connection".to_owned());
        Err(self.refused("If the agent holds many keys, the host may have had enough: set IdentitiesOnly and name the right key with IdentityFile"))
    }

    fn refused(&mut self, remedy: &str) -> Error {
        Error::Auth {
            host: self.hop.name.clone(),
            user: self.hop.user.clone(),
            tried: std::mem::take(&mut self.tried),
            remedy: remedy.to_owned(),
        }
    }
}

/// The key files that are there.
fn identities(hop: &Hop) -> Vec<Identity> {
    let found = |file: &&PathBuf| file.exists() || public_beside(file).exists();
    hop.identity_files.iter().filter(found).map(|file| identity(file)).collect()
}

fn identity(file: &Path) -> Identity {
    let beside = load_public_key(public_beside(file)).ok();
    let mut identity = Identity { file: file.to_owned(), public: beside, private: None, why_not: None };
    match std::fs::metadata(file) {
        Ok(about) if about.mode() & 0o077 != 0 && about.uid() == nix::unistd::getuid().as_raw() => {
            // A public key named as an identity is fine for others to read: it stands for the agent's key.
            identity.public = load_public_key(file).ok().or(identity.public);
            identity.why_not = Some(format!("others can read it; run `chmod 600 {}`", file.display()));
            return identity;
        }
        _ => {}
    }
    match load_secret_key(file, None) {
        Ok(private) => {
            identity.public = Some(private.public_key().clone());
            identity.private = Some(private);
        }
        Err(russh::keys::Error::KeyIsEncrypted) => {
            // The public part of an OpenSSH key file is readable without the passphrase.
            let public = PrivateKey::read_openssh_file(file).ok().map(|key| key.public_key().clone());
            identity.public = identity.public.or(public);
            identity.why_not =
                Some("it has a passphrase, and the agent doesn't hold it; run `ssh-add`".to_owned());
        }
        Err(why) => {
            identity.public = load_public_key(file).ok().or(identity.public);
            identity.why_not = Some(format!("not used: {}", one_line(&why.to_string())));
        }
    }
    identity
}
