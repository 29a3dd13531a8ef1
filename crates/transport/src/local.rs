//! Commands on the controller itself.
//!
//! The line goes to `/bin/sh -c` in a process group of its own. When the time is over, the whole group is killed, so
//! that nothing the command started runs on unseen (unless it left the group on purpose).

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

use crate::collect::{Collector, LINGER};
use crate::{Command, Error, Exit, Host, Output, RunFuture};

/// The controller as a host.
#[derive(Debug, Clone)]
pub struct Local {
    name: String,
}

impl Local {
    /// The controller under the name that the estate gives it.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    async fn run_here(&self, command: &Command) -> Result<Output, Error> {
        let begun = Instant::now();
        let mut child = self.spawn(command)?;
        let group = KillOnDrop(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
        let mut stdin = child.stdin.take();
        let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(self.not_sent("its output could not be piped".to_owned()));
        };
        let mut stdout = Collector::new(command.output_bytes_max);
        let mut stderr = Collector::new(command.output_bytes_max);

        let whole = async {
            let write = async {
                if let (Some(pipe), Some(bytes)) = (stdin.as_mut(), command.stdin.as_deref()) {
                    // A command need not read its input: a closed pipe is no failure of ours.
                    let _ = pipe.write_all(bytes).await;
                }
                drop(stdin.take());
            };
            let read = async { tokio::join!(drain(out, &mut stdout), drain(err, &mut stderr)) };
            let wait = child.wait();
            tokio::pin!(write, read, wait);
            let (mut written, mut drained) = (false, false);
            let status = loop {
                tokio::select! {
                    () = &mut write, if !written => written = true,
                    _ = &mut read, if !drained => drained = true,
                    status = &mut wait => break status,
                }
            };
            if !drained {
                drained = tokio::time::timeout(LINGER, &mut read).await.is_ok();
            }
            (status, drained)
        };
        let (status, drained) = match tokio::time::timeout(command.timeout, whole).await {
            Ok(ended) => ended,
            Err(_) => {
                drop(group);
                let _ = child.wait().await;
                return Err(Error::TimedOut {
                    host: self.name.clone(),
                    after: command.timeout,
                    state: "it and the processes of its group were killed".to_owned(),
                });
            }
        };
        group.disarm();
        let status = status.map_err(|why| Error::ConnectionLost {
            host: self.name.clone(),
            why: format!("the end of the process could not be awaited: {why}"),
        })?;
        Ok(Output {
            exit: exit(status),
            truncated: stdout.truncated || stderr.truncated || !drained,
            stdout: stdout.into_bytes(),
            stderr: stderr.into_bytes(),
            duration: begun.elapsed(),
        })
    }

    fn spawn(&self, command: &Command) -> Result<Child, Error> {
        tokio::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(&command.line)
            .stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|why| self.not_sent(format!("/bin/sh could not be started: {why}")))
    }

    fn not_sent(&self, why: String) -> Error {
        Error::NotSent {
            host: self.name.clone(),
            why,
            remedy: "Look at the controller's limits (processes, open files, memory), then try again"
                .to_owned(),
        }
    }
}

impl Host for Local {
    fn name(&self) -> &str {
        &self.name
    }

    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a> {
        Box::pin(self.run_here(command))
    }
}

/// Kills the process group when the command is given up, be it by time-out or because the caller dropped the future.
struct KillOnDrop(Option<Pid>);

impl KillOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The group may be gone already, which is what we want.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

async fn drain(mut stream: impl AsyncRead + Unpin, into: &mut Collector) {
    let mut buffer = vec![0; 16 << 10];
    // A read error on a pipe means the same as its end: nothing more will come.
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        into.push(&buffer[..count]);
    }
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        // On Unix a code has 8 bits and is never negative.
        (Some(code), _) => Exit::Code(code.unsigned_abs()),
        (None, Some(number)) => Exit::Signal(match Signal::try_from(number) {
            Ok(signal) => signal.as_str().trim_start_matches("SIG").to_owned(),
            Err(_) => number.to_string(),
        }),
        (None, None) => Exit::Signal("unknown".to_owned()),
    }
}
