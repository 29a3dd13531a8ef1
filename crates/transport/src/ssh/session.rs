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
    let host = &link.hop.name;
    let asked = Instant::now();
    let not_sent =
        |why: String, remedy: &str| Error::NotSent { host: host.clone(), why, remedy: remedy.to_owned() };
    let permit = match timeout(command.timeout, sessions.acquire()).await {
        Ok(Ok(permit)) => permit,
        // The semaphore is never closed; a closed one would mean the same as no free session.
        Ok(Err(_)) | Err(_) => {
            return Err(not_sent(
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
    /// The connection was lost: another may do.
    Lost(String),
    Failed(Error),
}

/// A session on the open connection; on a new one when the old one turns out to be lost.
async fn open(link: &Link) -> Result<(Arc<Connection>, Channel<Msg>), Error> {
    let lost = match open_once(link).await {
        Ok(opened) => return Ok(opened),
        Err(NotOpened::Failed(error)) => return Err(error),
        Err(NotOpened::Lost(why)) => why,
    };
    tracing::debug!(host = link.hop.name, why = lost, "lost before the command was sent; connecting anew");
    open_once(link).await.map_err(|not_opened| match not_opened {
        NotOpened::Failed(error) => error,
        NotOpened::Lost(why) => unsent(link, why),
    })
}

async fn open_once(link: &Link) -> Result<(Arc<Connection>, Channel<Msg>), NotOpened> {
    let connection = link.connection().await.map_err(NotOpened::Failed)?;
    let why = match timeout(link.hop.connect_timeout, connection.handle.channel_open_session()).await {
        Ok(Ok(channel)) => return Ok((connection, channel)),
        Ok(Err(russh::Error::ChannelOpenFailure(reason))) => {
            return Err(NotOpened::Failed(Error::NotSent {
                host: link.hop.name.clone(),
                why: format!("the host opens no session: {reason:?}"),
                remedy: "Look at MaxSessions and the log of the host's sshd".to_owned(),
            }));
        }
        Ok(Err(_)) => connection.why_lost(),
        Err(_) => format!("no session opened after {} s", link.hop.connect_timeout.as_secs_f64()),
    };
    link.forget(&connection).await;
    Err(NotOpened::Lost(why))
}

fn unsent(link: &Link, why: String) -> Error {
    Error::NotSent {
        host: link.hop.name.clone(),
        why,
        remedy: "Check that the host is up and answers, then try again".to_owned(),
    }
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
        return Err(unsent(link, connection.why_lost()));
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
    let mut refused = false;
    let mut complete = false;
    let end = tokio::time::Instant::from_std(begun + left);
    let mut deadline = end;
    let why_over = loop {
        let message = tokio::select! {
            () = &mut feed, if !fed => { fed = true; continue; }
            message = read.wait() => message,
            () = sleep_until(deadline) => break None,
        };
        match message {
            Some(ChannelMsg::Data { data }) => stdout.push(&data),
            Some(ChannelMsg::ExtendedData { data, ext: EXTENDED_STDERR }) => stderr.push(&data),
            Some(ChannelMsg::ExitStatus { exit_status }) => exit = Some(Exit::Code(exit_status)),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                exit = Some(Exit::Signal(signal_text(&signal_name)))
            }
            Some(ChannelMsg::Failure) => {
                refused = true;
                break Some("refused".to_owned());
            }
            Some(ChannelMsg::Eof) => complete = true,
            Some(ChannelMsg::Close) => {
                complete = true;
                break Some("the host closed the session without an exit code".to_owned());
            }
            None => break Some(connection.why_lost()),
            Some(_) => {}
        }
        if exit.is_some() {
            if complete {
                break Some(String::new());
            }
            // What the command wrote is on its way. A process it left behind may hold the stream: silence ends it.
            deadline = end.min(tokio::time::Instant::now() + LINGER);
        }
    };
    if refused {
        return Err(Error::NotSent {
            host: host.clone(),
            why: "the host refuses to run commands".to_owned(),
            remedy: "Look whether the account has a forced command, a shell that is disabled, or is for file transfer only".to_owned(),
        });
    }
    let Some(exit) = exit else {
        return match why_over {
            Some(why) => Err(lost(one_line(&why))),
            None => {
                // OpenSSH passes the signal on for accounts other than root; other servers may not.
                let _ = timeout(Duration::from_secs(1), async {
                    let _ = write.signal(Sig::TERM).await;
                })
                .await;
                Err(Error::TimedOut {
                    host: host.clone(),
                    after: command.timeout,
                    state: "the host was asked to end it, but it may still be running".to_owned(),
                })
            }
        };
    };
    Ok(Output {
        exit,
        truncated: stdout.truncated || stderr.truncated || !complete,
        stdout: stdout.into_bytes(),
        stderr: stderr.into_bytes(),
        duration: begun.elapsed(),
    })
}

fn signal_text(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => one_line(name),
        named => format!("{named:?}"),
    }
}
