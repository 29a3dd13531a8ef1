//! One command over an open connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelWriteHalf, Sig};
use tokio::sync::Semaphore;
use tokio::time::{sleep_until, timeout};

use super::connection::{Connection, Link};
use crate::collect::{Collector, LINGER};
use crate::text::one_line;
use crate::{Command, Error, Exit, Output};

/// SSH_EXTENDED_DATA_STDERR of RFC 4254, 5.2.
const EXTENDED_STDERR: u32 = 1;

pub(super) async fn run(link: &Link, sessions: &Semaphore, command: &Command) -> Result<Output, Error> {
    let asked = Instant::now();
    let permit = match timeout(command.timeout, sessions.acquire()).await {
        Ok(Ok(permit)) => permit,
        // The semaphore is never closed; a closed one would mean the same as no free session.
        Ok(Err(_)) | Err(_) => {
            return Err(unsent(
                link,
                format!("no session was free for {} s", command.timeout.as_secs_f64()),
                "Run fewer commands at once on this host, or give them more time",
            ));
        }
    };
    // Connecting has a bound of its own: what the command has left starts when it can be sent.
    let left = command.timeout.saturating_sub(asked.elapsed());
    let (connection, channel) = open(link).await?;
    let output = exchange(link, &connection, channel, command, left).await;
    if matches!(output, Err(Error::ConnectionLost { .. })) && connection.is_lost() {
        link.forget(&connection).await;
    }
    drop(permit);
    output
}

/// Why no session was opened; nothing has been sent by then.
enum NotOpened {
    /// The connection is lost, or has no room: another may do.
    Elsewhere {
        why: String,
        remedy: &'static str,
    },
    Failed(Error),
}

/// A session on the open connection; on a new one when the old one turns out to be lost, or its sessions to be taken.
async fn open(link: &Link) -> Result<(Arc<Connection>, Channel<Msg>), Error> {
    match open_once(link).await {
        Ok(opened) => return Ok(opened),
        Err(NotOpened::Failed(error)) => return Err(error),
        Err(NotOpened::Elsewhere { why, .. }) => {
            tracing::debug!(
                host = link.hop.name,
                why,
                "no session before the command was sent; connecting anew"
            );
        }
    }
    open_once(link).await.map_err(|not_opened| match not_opened {
        NotOpened::Failed(error) => error,
        NotOpened::Elsewhere { why, remedy } => unsent(link, why, remedy),
    })
}

async fn open_once(link: &Link) -> Result<(Arc<Connection>, Channel<Msg>), NotOpened> {
    let connection = link.connection().await.map_err(NotOpened::Failed)?;
    let why = match timeout(link.hop.connect_timeout, connection.handle.channel_open_session()).await {
        Ok(Ok(channel)) => return Ok((connection, channel)),
        // A session counts against MaxSessions until the processes of its command are gone, also when the command was
        // given up long ago. The limit is one of the connection: those that run go on over the old one.
        Ok(Err(russh::Error::ChannelOpenFailure(reason))) => format!("the host opens no session: {reason:?}"),
        Ok(Err(_)) => connection.why_lost(),
        Err(_) => format!("no session opened after {} s", link.hop.connect_timeout.as_secs_f64()),
    };
    let remedy =
        if connection.is_lost() { LOST_REMEDY } else { "Look at MaxSessions and the log of the host's sshd" };
    link.forget(&connection).await;
    Err(NotOpened::Elsewhere { why, remedy })
}

const LOST_REMEDY: &str = "Check that the host is up and answers, then try again";

fn unsent(link: &Link, why: String, remedy: &str) -> Error {
    Error::NotSent { host: link.hop.name.clone(), why, remedy: remedy.to_owned() }
}

/// Closes the session however we leave, also when the caller gives the command up: an open one would count against the
/// host's limit for as long as the connection lives.
struct Closing(Arc<ChannelWriteHalf<Msg>>);

impl Drop for Closing {
    fn drop(&mut self) {
        let write = Arc::clone(&self.0);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = write.close().await;
            });
        }
    }
}

/// Sends the command and waits for its end. From the first line on the outcome is unknown unless the host says it.
async fn exchange(
    link: &Link,
    connection: &Connection,
    channel: Channel<Msg>,
    command: &Command,
    left: Duration,
) -> Result<Output, Error> {
    let host = &link.hop.name;
    let begun = Instant::now();
    let lost = |why: String| Error::ConnectionLost { host: host.clone(), why };
    let (mut read, write) = channel.split();
    let write = Arc::new(write);
    let _closing = Closing(Arc::clone(&write));
    if write.exec(true, command.line.as_bytes()).await.is_err() {
        // The queue to the connection was closed: nothing of it can have left.
        return Err(unsent(link, connection.why_lost(), LOST_REMEDY));
    }
    let feed = async {
        if let Some(bytes) = command.stdin.as_deref() {
            // A command need not read all its input, and may end before: that is no failure of ours.
            let _ = write.data_bytes(bytes.to_vec()).await;
        }
        let _ = write.eof().await;
    };
    tokio::pin!(feed);
    let mut fed = false;
    let mut stdout = Collector::new(command.output_bytes_max);
    let mut stderr = Collector::new(command.output_bytes_max);
    let mut exit = None;
    let mut complete = false;
    let end = tokio::time::Instant::from_std(begun + left);
    let mut deadline = end;
    let over = loop {
        let message = tokio::select! {
            () = &mut feed, if !fed => { fed = true; continue; }
            message = read.wait() => message,
            () = sleep_until(deadline) => break Over::Late,
        };
        match message {
            Some(ChannelMsg::Data { data }) => stdout.push(&data),
            Some(ChannelMsg::ExtendedData { data, ext: EXTENDED_STDERR }) => stderr.push(&data),
            Some(ChannelMsg::ExitStatus { exit_status }) => exit = Some(Exit::Code(exit_status)),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                exit = Some(Exit::Signal(signal_text(&signal_name)))
            }
            Some(ChannelMsg::Failure) => break Over::Refused,
            Some(ChannelMsg::Eof) => complete = true,
            Some(ChannelMsg::Close) => break Over::Closed,
            None => break Over::Lost,
            Some(_) => {}
        }
        if exit.is_some() {
            // What the command wrote is on its way, and the host's closing too: a session is free again only then.
            // A process it left behind may hold the stream open: silence ends the waiting.
            deadline = end.min(tokio::time::Instant::now() + LINGER);
        }
    };
    match (exit, over) {
        (Some(exit), over) => Ok(Output {
            exit,
            truncated: stdout.truncated || stderr.truncated || !(complete || over == Over::Closed),
            stdout: stdout.into_bytes(),
            stderr: stderr.into_bytes(),
            duration: begun.elapsed(),
        }),
        (None, Over::Refused) => Err(unsent(
            link,
            "the host refuses to run commands".to_owned(),
            "Look whether the account has a forced command, a disabled shell, or is for file transfer only",
        )),
        (None, Over::Closed) => Err(lost("the host closed the session without an exit code".to_owned())),
        (None, Over::Lost) => Err(lost(connection.why_lost())),
        (None, Over::Late) => {
            // OpenSSH passes the signal on for accounts other than root; other servers may not.
            let _ = timeout(Duration::from_secs(1), write.signal(Sig::TERM)).await;
            Err(Error::TimedOut {
                host: host.clone(),
                after: command.timeout,
                state: "the host was asked to end it, but it may still be running".to_owned(),
            })
        }
    }
}

/// How an exchange ended, the exit code apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The host closed the session.
    Closed,
    /// The connection is gone.
    Lost,
    /// The host doesn't run the command.
    Refused,
    /// The time is over.
    Late,
}

fn signal_text(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => one_line(name),
        named => format!("{named:?}"),
    }
}
