//! One hop: connected, logged in, and opened anew when lost.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use russh::client::{self, Handle};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::known_hosts::KnownHosts;
use super::resolve::{Family, Hop};
use super::watcher::{Seen, Watcher};
use super::{auth, config_error};
use crate::Error;
use crate::text::one_line;

/// A way to a hop, with the connection that is open at the moment.
pub(super) struct Link {
    pub(super) hop: Hop,
    jump: Option<Arc<Link>>,
    auth_timeout: Duration,
    state: tokio::sync::Mutex<State>,
    /// How many attempts to connect have ended.
    attempts: AtomicU64,
}

#[derive(Default)]
struct State {
    open: Option<Arc<Connection>>,
    failure: Option<Error>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("host", &self.hop.name).field("address", &self.hop.address()).finish()
    }
}

impl Link {
    pub(super) fn new(hop: Hop, jump: Option<Arc<Link>>, auth_timeout: Duration) -> Self {
        Self { hop, jump, auth_timeout, state: tokio::sync::Mutex::default(), attempts: AtomicU64::new(0) }
    }

    /// The open connection; a new one when there is none or it was lost.
    ///
    /// Callers that waited while an attempt failed get its error: fifty commands for an absent host wait once.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, Error> {
        let attempts = self.attempts.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(open) = state.open.as_ref().filter(|open| !open.is_lost()) {
            return Ok(Arc::clone(open));
        }
        if let Some(failure) =
            state.failure.as_ref().filter(|_| self.attempts.load(Ordering::Acquire) != attempts)
        {
            return Err(failure.clone());
        }
        state.open = None;
        // Boxed, because a jump host is connected by this same function.
        let connected = Box::pin(self.connect()).await;
        self.attempts.fetch_add(1, Ordering::AcqRel);
        match connected {
            Ok(connection) => {
                let connection = Arc::new(connection);
                state.failure = None;
                state.open = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Drops this connection if it is still the open one.
    pub(super) async fn forget(&self, connection: &Arc<Connection>) {
        let mut state = self.state.lock().await;
        if state.open.as_ref().is_some_and(|open| Arc::ptr_eq(open, connection)) {
            state.open = None;
        }
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let hop = &self.hop;
        let known = KnownHosts::read(&hop.known_hosts).map_err(|unreadable| Error::Config {
            host: hop.name.clone(),
            place: Some(unreadable.place),
            why: unreadable.why,
            remedy: "Correct the file: without it no host key can be trusted".to_owned(),
        })?;
        let preferred = hop
            .algorithms
            .preferred(&known.algorithms(&hop.names), known.has_authority(&hop.names))
            .map_err(|refusal| config_error(&hop.name, refusal))?;
        let config = Arc::new(client::Config {
            preferred,
            nodelay: true,
            keepalive_interval: Some(hop.alive_interval),
            keepalive_max: hop.alive_count_max,
            inactivity_timeout: Some(self.silence_max().max(self.auth_timeout)),
            ..client::Config::default()
        });
        let seen = Arc::new(Seen::default());
        let watcher = Watcher { hop: hop.clone(), known, seen: Arc::clone(&seen) };

        let (mut handle, jump) = match &self.jump {
            None => (self.direct(config, watcher, &seen).await?, None),
            Some(jump) => self.through(jump, config, watcher, &seen).await?,
        };
        match timeout(self.auth_timeout, auth::log_in(hop, &mut handle)).await {
            Ok(Ok(())) => Ok(Connection { handle, seen, _jump: jump }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::Auth {
                host: hop.name.clone(),
                user: hop.user.clone(),
                tried: vec![format!("the log-in wasn't over after {} s", self.auth_timeout.as_secs())],
                remedy: "Look whether the agent waits for a confirmation, and at the load of the host"
                    .to_owned(),
            }),
        }
    }

    /// How long a connection may be without any sign of life. The keep-alive notices it sooner, but can't be sent
    /// during the log-in, nor while the loop is stuck in writing to a peer that reads no more.
    fn silence_max(&self) -> Duration {
        self.hop.alive_interval
            * u32::try_from(self.hop.alive_count_max).unwrap_or(u32::MAX).saturating_add(2)
    }

    async fn direct(
        &self,
        config: Arc<client::Config>,
        watcher: Watcher,
        seen: &Seen,
    ) -> Result<Handle<Watcher>, Error> {
        let limit = self.hop.connect_timeout;
        let connecting = async {
            let stream = self.tcp().await?;
            client::connect_stream(config, stream, watcher)
                .await
                .map_err(|why| self.handshake_failed(&why, seen))
        };
        match timeout(limit, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(self.unreachable(format!("no connection after {} s", limit.as_secs_f64()))),
        }
    }

    async fn tcp(&self) -> Result<TcpStream, Error> {
        let hop = &self.hop;
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((hop.host.as_str(), hop.port))
            .await
            .map_err(|why| self.unreachable(format!("the name can't be resolved: {why}")))?
            .filter(|address| match hop.family {
                Family::Any => true,
                Family::V4 => address.is_ipv4(),
                Family::V6 => address.is_ipv6(),
            })
            .collect();
        let mut last = "the name has no address of the family asked for".to_owned();
        for address in &addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true).map_err(|why| self.unreachable(why.to_string()))?;
                    return Ok(stream);
                }
                Err(why) => last = format!("{why} ({address})"),
            }
        }
        Err(self.unreachable(last))
    }

    async fn through(
        &self,
        jump: &Arc<Link>,
        config: Arc<client::Config>,
        watcher: Watcher,
        seen: &Seen,
    ) -> Result<(Handle<Watcher>, Option<Arc<Connection>>), Error> {
        let hop = &self.hop;
        let before = Box::pin(jump.connection()).await?;
        let limit = hop.connect_timeout;
        let connecting = async {
            let channel = before
                .handle
                .channel_open_direct_tcpip(hop.host.as_str(), hop.port.into(), "127.0.0.1", 0)
                .await
                .map_err(|why| {
                    self.unreachable(format!(
                        "the jump host {} opens no way to it: {}",
                        jump.hop.name,
                        one_line(&why.to_string())
                    ))
                })?;
            client::connect_stream(config, channel.into_stream(), watcher)
                .await
                .map_err(|why| self.handshake_failed(&why, seen))
        };
        match timeout(limit, connecting).await {
            Ok(Ok(handle)) => Ok((handle, Some(before))),
            Ok(Err(error)) => {
                if before.is_lost() {
                    jump.forget(&before).await;
                }
                Err(error)
            }
            Err(_) => {
                // The jump host itself may be the one that is gone: the next attempt starts there anew.
                jump.forget(&before).await;
                Err(self.unreachable(format!("no connection after {} s", limit.as_secs_f64())))
            }
        }
    }

    fn handshake_failed(&self, why: &russh::Error, seen: &Seen) -> Error {
        if let Some(problem) = seen.take_problem() {
            return Error::HostKey { host: self.hop.name.clone(), problem: Box::new(problem) };
        }
        match why {
            russh::Error::NoCommonAlgo { kind, theirs, .. } => self.unreachable(format!(
                "no {kind:?} algorithm that both sides know; the host knows {}",
                one_line(&theirs.join(","))
            )),
            russh::Error::Disconnect | russh::Error::HUP => {
                self.unreachable("the host closed the connection during the key exchange".to_owned())
            }
            why => self.unreachable(format!("the key exchange failed: {}", one_line(&why.to_string()))),
        }
    }

    fn unreachable(&self, why: String) -> Error {
        Error::Unreachable {
            host: self.hop.name.clone(),
            address: self.hop.address(),
            why,
            remedy: "Check that the host is up, that the address and port are right, and that a firewall lets us through"
                .to_owned(),
        }
    }
}

/// An open connection that is logged in.
pub(super) struct Connection {
    pub(super) handle: Handle<Watcher>,
    seen: Arc<Seen>,
    /// The connection below, which must live as long as this one.
    _jump: Option<Arc<Connection>>,
}

impl Connection {
    pub(super) fn is_lost(&self) -> bool {
        self.handle.is_closed()
    }

    /// How the connection ended, as far as is known.
    pub(super) fn why_lost(&self) -> String {
        self.seen.end().unwrap_or_else(|| "the connection ended without a word".to_owned())
    }
}
