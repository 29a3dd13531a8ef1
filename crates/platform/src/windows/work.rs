//! Begins an action as a scheduled task, and looks how far it is.

use kaketsugi_estate::ServerId;
use kaketsugi_transport::sanitize;

use super::act::Work;
use super::cluster::{RunAs, WindowsCluster};
use super::lock::{self, FIND, TOKEN};
use super::names::{id_is_plain, quoted, short};
use super::probe;
use super::script::{ALREADY, NOT_OURS, batch, boot_line, directory, exit_code};
use super::shell::Shell;
use crate::{Begun, Error, Order, Progress};

/// Longest name of an action's directory and task: paths below it stay below 260 characters.
pub(super) const HANDLE_CHARS_MAX: usize = 120;

/// Characters of output that are kept.
const OUTPUT_CHARS_MAX: usize = 8000;

/// There is no directory of this name.
const NO_DIRECTORY: u32 = 80;
/// The output isn't held by anybody.
const FREE: u32 = 81;
/// Somebody holds the output.
const HELD: u32 = 82;
/// The action hasn't started yet.
const NOT_STARTED: u32 = 83;

impl WindowsCluster {
    pub(super) async fn begin_work(&self, order: &Order<'_>) -> Result<Begun, Error> {
        // Begun already, on whichever node: nothing new.
        match self.poll_work(order).await? {
            Progress::NotBegun => {}
            Progress::Ended { code, output } => return Ok(Begun::Ended { code, output }),
            Progress::Running { .. } | Progress::Vanished { .. } => return Ok(Begun::Running),
        }
        let Work { node, lines } = self.prepare(order).await?;
        let shell = self.shell(&node)?;
        if lines.is_empty() {
            // The lock is asked for all the same: whoever lost it has nothing to say about what is done.
            return match lock::holder(shell).await? {
                Some(found) if found == *order.token => {
                    Ok(Begun::Ended { code: 0, output: "nothing was left to do".into() })
                }
                found => Err(lock::not_ours(shell, found)),
            };
        }
        if !id_is_plain(&order.token.run) {
            return Err(failed(shell, "beginning", "the run's name can't stand in a command".into()));
        }
        let boot = probe::boot(shell).await?.ok_or_else(|| Error::Unreadable {
            host: node.clone(),
            what: "the time of the last start".into(),
            why: "without it nobody could tell later whether the work survived".into(),
        })?;
        let handle = order.handle();
        let script = batch(shell.tools, &handle, order.token, &boot, &lines);
        let said = shell.feed(&self.begin_line(shell, &handle, order)?, &script).await?;
        match said.code {
            0 | ALREADY => Ok(Begun::Running),
            NOT_OURS => Err(lock::not_ours(shell, lock::holder(shell).await?)),
            code => Err(failed(shell, "beginning", format!("exit code {code}: {}", said.all()))),
        }
    }

    /// One line: the token, the directory, the file, the task, its start. Each part that fails ends it.
    fn begin_line(&self, shell: &Shell, handle: &str, order: &Order<'_>) -> Result<String, Error> {
        let (directory, task) = (directory(handle), short(handle));
        let account = match &self.account {
            RunAs::System => "SYSTEM".to_owned(),
            RunAs::Administrator { user, password } => {
                let bad = |why: super::names::Unquotable| {
                    failed(shell, "beginning", format!("account or password: {why}").replace(password, "…"))
                };
                format!("{} /rp {}", quoted(user).map_err(bad)?, quoted(password).map_err(bad)?)
            }
        };
        Ok(format!(
            "{FIND} \"{}\" {TOKEN} >nul || exit {NOT_OURS} & mkdir {directory} || exit {ALREADY} & \
             {FIND} /v \"\" >{directory}\\run.cmd || exit 73 & \
             {} || exit 75",
            lock::line(order.token),
            shell.tools.begin(&task, &format!("{directory}\\run.cmd"), &account)
        ))
    }

    pub(super) async fn poll_work(&self, order: &Order<'_>) -> Result<Progress, Error> {
        let handle = order.handle();
        let mut unasked: Option<Error> = None;
        for node in self.places(order.step) {
            match self.poll_node(&node, &handle).await {
                Ok(Progress::NotBegun) => {}
                Ok(found) => return Ok(found),
                Err(why) => unasked = unasked.or(Some(why)),
            }
        }
        // On no node that answered; one that didn't may have it.
        unasked.map_or(Ok(Progress::NotBegun), Err)
    }

    async fn poll_node(&self, node: &ServerId, handle: &str) -> Result<Progress, Error> {
        let shell = self.shell(node)?;
        let directory = directory(handle);
        // The output first, the exit code after it: whoever has let go of the output has written the code before.
        let said = shell
            .run(&format!(
                "(if not exist {directory} exit {NO_DIRECTORY}) & \
                 (if not exist {directory}\\started exit {NOT_STARTED}) & \
                 (type nul >>{directory}\\out.txt) 2>nul || exit {HELD} & exit {FREE}"
            ))
            .await?;
        let exit = shell.run(&format!("type {directory}\\exit.txt")).await?;
        let ended = exit.good().and_then(exit_code);
        if let Some(code) = ended {
            if code == NOT_OURS {
                return Err(lock::not_ours(shell, lock::holder(shell).await?));
            }
            return Ok(Progress::Ended { code, output: output(shell, &directory).await? });
        }
        match said.code {
            NO_DIRECTORY => Ok(Progress::NotBegun),
            HELD => Ok(Progress::Running { tail: output(shell, &directory).await? }),
            FREE => Ok(Progress::Vanished { output: output(shell, &directory).await? }),
            NOT_STARTED => waiting(shell, &directory).await,
            code => Err(Error::Unreadable {
                host: node.clone(),
                what: "the state of a step's work".into(),
                why: format!("exit code {code}: {}", said.all()),
            }),
        }
    }
}

/// The task was made and hasn't started: it will, unless the node has restarted since.
async fn waiting(shell: &Shell, directory: &str) -> Result<Progress, Error> {
    let Some(boot) = probe::boot(shell).await? else {
        return Ok(Progress::Running { tail: "waiting for the scheduler".into() });
    };
    let line = format!("{FIND} \"{}\" {directory}\\run.cmd >nul", boot_line(&boot));
    let same = shell.run(&line).await?.code == 0;
    Ok(match same {
        true => Progress::Running { tail: "waiting for the scheduler".into() },
        false => {
            Progress::Vanished { output: "the node restarted before the scheduler began the work".into() }
        }
    })
}

async fn output(shell: &Shell, directory: &str) -> Result<String, Error> {
    let said = shell.run(&format!("type {directory}\\out.txt")).await?;
    let text = sanitize(said.good().unwrap_or(""));
    let skip = text.chars().count().saturating_sub(OUTPUT_CHARS_MAX);
    Ok(text.chars().skip(skip).collect())
}

fn failed(shell: &Shell, what: &str, why: String) -> Error {
    Error::Failed { host: shell.id.clone(), what: what.into(), why }
}
