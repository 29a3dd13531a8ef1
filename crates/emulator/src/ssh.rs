//! The nodes' SSH servers: one listening port a node, on loopback, each with a host key of its own.
//!
//! A command line is run as `cmd.exe /c` would, in a job that ends with the session; its exit code goes back with all
//! 32 bits. A node without power accepts no log-in: the connection is dropped at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use russh::keys::{PrivateKey, PublicKey};
use russh::server::{Auth, Config, Handle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::emulation::LIMITED_USER;
use crate::shell::{Cut, Shell};
use crate::state::Shared;

/// Bytes on their way between the socket and the server.
const PIPE_BYTES: usize = 64 * 1024;

/// Accepts connections for one node until it is aborted.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    node: String,
    listener: TcpListener,
    host_key: PrivateKey,
    user: String,
    client: PublicKey,
) {
    let config = Arc::new(Config {
        keys: vec![host_key],
        nodelay: true,
        auth_rejection_time: std::time::Duration::ZERO,
        inactivity_timeout: None,
        preferred: russh::Preferred {
            compression: Cow::Borrowed(&[russh::compression::NONE]),
            ..russh::Preferred::default()
        },
        ..Config::default()
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let doorman = Doorman {
                    shared: shared.clone(),
                    node: node.clone(),
                    user: user.clone(),
                    client: client.clone(),
                };
                connections.spawn(doorman.connection(config.clone(), stream));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

struct Doorman {
    shared: Arc<Shared>,
    node: String,
    user: String,
    client: PublicKey,
}

impl Doorman {
    /// One connection, until either side ends it, the power fails, or a fault cuts it.
    async fn connection(self, config: Arc<Config>, mut stream: TcpStream) {
        // Nagle's algorithm would only slow rehearsals down; without the option the connection works as well.
        let _ = stream.set_nodelay(true);
        let power =
            self.shared.lock().node(&self.node).and_then(|n| n.boot.as_ref()).map(|b| b.power.subscribe());
        let Some(mut power) = power else { return };
        let (mut near, far) = tokio::io::duplex(PIPE_BYTES);
        let cut = Arc::new(Notify::new());
        let visitor = Visitor {
            door: self,
            cut: cut.clone(),
            channels: BTreeMap::new(),
            limited: false,
            jobs: JoinSet::new(),
        };
        let session = async {
            if let Ok(session) = russh::server::run_stream(config, far, visitor).await {
                // How a session ends is the client's affair.
                let _ = session.await;
            }
        };
        let wire = tokio::io::copy_bidirectional(&mut stream, &mut near);
        tokio::select! {
            () = session => {}
            _ = wire => {}
            _ = power.changed() => {}
            () = cut.notified() => {}
        }
    }
}

/// Who has logged in, or is about to.
struct Visitor {
    door: Doorman,
    cut: Arc<Notify>,
    channels: BTreeMap<ChannelId, Request>,
    /// Whether this account is no administrator.
    limited: bool,
    /// Ends with the session, and its commands with it.
    jobs: JoinSet<()>,
}

/// What a channel asks for, until its input has ended.
#[derive(Default)]
struct Request {
    line: Option<String>,
    stdin: Vec<u8>,
    ended: bool,
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.limited = user.eq_ignore_ascii_case(LIMITED_USER);
        let known = (self.limited || user.eq_ignore_ascii_case(&self.door.user))
            && key.public_key.key_data() == self.door.client.key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), Request::default());
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        if let Some(request) = self.channels.get_mut(&channel) {
            request.line = Some(String::from_utf8_lossy(data).into_owned());
        }
        self.begin(channel, session.handle());
        Ok(())
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(request) = self.channels.get_mut(&channel) {
            request.stdin.extend_from_slice(data);
        }
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        if let Some(request) = self.channels.get_mut(&channel) {
            request.ended = true;
        }
        self.begin(channel, session.handle());
        Ok(())
    }
}

impl Visitor {
    /// Begins once the line and the whole input are there.
    fn begin(&mut self, channel: ChannelId, handle: Handle) {
        let ready = self.channels.get(&channel).is_some_and(|r| r.ended && r.line.is_some());
        if !ready {
            return;
        }
        let Some(request) = self.channels.remove(&channel) else { return };
        let line = request.line.unwrap_or_default();
        let shell =
            Shell::new(self.door.shared.clone(), &self.door.node, request.stdin).limited(self.limited);
        let cut = self.cut.clone();
        self.jobs.spawn(async move {
            match shell.line(&line).await {
                Err(Cut) => cut.notify_one(),
                Ok(outcome) => {
                    // The client may be gone by now: then nobody is left to answer to.
                    let _ = handle.data(channel, outcome.stdout).await;
                    let _ = handle.extended_data(channel, 1, outcome.stderr).await;
                    let _ = handle.exit_status_request(channel, outcome.code).await;
                    let _ = handle.eof(channel).await;
                    let _ = handle.close(channel).await;
                }
            }
        });
    }
}

/// A port on loopback that the system chooses.
pub(crate) async fn listen() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
