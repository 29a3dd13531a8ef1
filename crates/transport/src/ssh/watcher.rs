//! What is seen of a connection from inside: the host key, which is judged here, and the end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use russh::client::{self, DisconnectReason};
use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};

use super::known_hosts::KnownHosts;
use super::resolve::Hop;
use crate::HostKeyProblem;
use crate::text::one_line;

/// What the watcher saw, for those who only see that a channel ended.
#[derive(Debug, Default)]
pub(super) struct Seen {
    problem: Mutex<Option<HostKeyProblem>>,
    end: Mutex<Option<String>>,
}

impl Seen {
    pub(super) fn take_problem(&self) -> Option<HostKeyProblem> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn end(&self) -> Option<String> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Judges the host key, turns down what the host opens unasked, and notes how the connection ends.
pub(super) struct Watcher {
    pub(super) hop: Hop,
    pub(super) known: KnownHosts,
    pub(super) seen: Arc<Seen>,
}

impl Watcher {
    fn judge(&self, shown: &PublicKeyOrCertificate) -> Result<(), HostKeyProblem> {
        let (hop, key) = (&self.hop, shown.public_key());
        let weak = |key: &PublicKey, why: String| HostKeyProblem::Weak {
            name: hop.names.lookup.clone(),
            algorithm: key.algorithm().to_string(),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
            why,
        };
        if let Some(why) = hop.algorithms.too_weak(key.key_data()) {
            return Err(weak(&key, why));
        }
        let Some(certificate) = shown.certificate() else { return self.known.check(&hop.names, &key) };
        let authority = PublicKey::new(certificate.signature_key().clone(), "");
        if let Some(why) = hop.algorithms.too_weak(authority.key_data()) {
            return Err(weak(&authority, why));
        }
        let signed_with = certificate.signature().algorithm();
        if !hop.algorithms.authority_allowed(&signed_with) {
            return Err(weak(&authority, format!("CASignatureAlgorithms doesn't allow {signed_with}")));
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.known.check_certificate(&hop.names, certificate, now)
    }
}

impl client::Handler for Watcher {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        match self.judge(shown) {
            Ok(()) => Ok(true),
            Err(problem) => {
                *self.seen.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
                Ok(false)
            }
        }
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        let (text, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                (format!("the host ended it: {}", one_line(&info.message)), Ok(()))
            }
            DisconnectReason::Error(why) => {
                let text = match &why {
                    russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout => {
                        format!(
                            "no sign of life for {} s",
                            (self.hop.alive_interval
                                * u32::try_from(self.hop.alive_count_max).unwrap_or(u32::MAX))
                            .as_secs_f64()
                        )
                    }
                    russh::Error::Disconnect | russh::Error::HUP => "the host closed it".to_owned(),
                    why => one_line(&why.to_string()),
                };
                (text, Err(why))
            }
        };
        tracing::debug!(host = self.hop.name, why = text, "connection ended");
        *self.seen.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        result
    }

    // What follows is accepted by the library's defaults. Dropping the reply turns it down.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}
