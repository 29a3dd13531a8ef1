//! Locks: on each node a directory that can be made once, with a file in it that names the run and its epoch.
//!
//! Every acting command looks at that file itself (`script`): a controller that was frozen while another one took the
//! run over does nothing when it wakes up.

use kaketsugi_estate::{LockSeen, ServerId, TransportKind};

use super::cluster::WindowsCluster;
use super::names::id_is_plain;
use super::shell::Shell;
use crate::Error;

/// Where everything of ours lies on a node.
pub(super) const HOME: &str = r"C:\kaketsugi";
/// The lock.
pub(super) const LOCK: &str = r"C:\kaketsugi\lock";
/// The file in it.
pub(super) const TOKEN: &str = r"C:\kaketsugi\lock\token.txt";
/// `find`, whatever else of that name lies in the search path.
pub(super) const FIND: &str = r"%windir%\system32\find.exe";

/// The token's line in the file. The semicolon ends it: epoch 1 isn't found in epoch 10.
pub(super) fn line(token: &LockSeen) -> String {
    format!("token={}:{};", token.run, token.epoch)
}

/// Who holds the lock, by the file's text.
pub(super) fn parse(text: &str) -> Option<LockSeen> {
    let rest = text.lines().rev().find_map(|line| line.trim().strip_prefix("token="))?;
    let (run, epoch) = rest.split_once(';')?.0.split_once(':')?;
    id_is_plain(run).then_some(())?;
    Some(LockSeen { run: run.to_owned(), epoch: epoch.parse().ok()? })
}

/// Who holds a node's lock; `Some` of an unknown run when there is a lock that can't be read.
pub(super) async fn holder(shell: &Shell) -> Result<Option<LockSeen>, Error> {
    // An empty lock directory is one that somebody was about to fill when the power failed: nobody holds it.
    let said = shell.run(&format!("type {TOKEN}")).await?;
    Ok(said.good().map(|text| parse(text).unwrap_or(LockSeen { run: "unknown".into(), epoch: u64::MAX })))
}

enum Taken {
    /// It wasn't held before.
    New,
    /// It was ours already, or is now of this epoch.
    Ours,
}

impl WindowsCluster {
    pub(super) async fn take_locks(&self, token: &LockSeen) -> Result<(), Error> {
        let mut new: Vec<&ServerId> = Vec::new();
        for (id, shell) in self.locked() {
            match take(shell, token).await {
                Ok(Taken::New) => new.push(id),
                Ok(Taken::Ours) => {}
                Err(why) => {
                    for id in new {
                        if let Some(shell) = self.shells.get(id) {
                            // What can't be given back now is of a run that never began; `unlock` removes it.
                            let _ = give_back(shell, token).await;
                        }
                    }
                    return Err(why);
                }
            }
        }
        Ok(())
    }

    pub(super) async fn give_locks_back(&self, token: &LockSeen) -> Result<(), Error> {
        for (_, shell) in self.locked() {
            give_back(shell, token).await?;
        }
        Ok(())
    }

    /// Nodes on which a lock is taken: those that commands of ours reach.
    ///
    /// A lock keeps a controller that was frozen from acting when it wakes up, since every acting command looks at it.
    /// Where people are the only hands nothing of ours acts: they are asked, one step after the other, by a controller
    /// that has just looked whether the run is still its own. A lock there would stop nobody, and cost six walks. Another
    /// controller's lock is seen by every look all the same, and no run begins on it.
    fn locked(&self) -> impl Iterator<Item = (&ServerId, &Shell)> {
        self.shells.iter().filter(|(id, _)| {
            self.estate.servers.get(*id).is_none_or(|server| server.transport != TransportKind::Operator)
        })
    }
}

async fn take(shell: &Shell, token: &LockSeen) -> Result<Taken, Error> {
    if !id_is_plain(&token.run) {
        return Err(Error::Failed {
            host: shell.id.clone(),
            what: "taking the lock".into(),
            why: format!("`{}` can't be a run's name", token.run),
        });
    }
    let ours = line(token);
    // `rmdir` takes away only an empty directory; `mkdir` makes it for one of those that try.
    let make = format!("rmdir {LOCK} 2>nul & mkdir {LOCK} 2>nul && >{TOKEN} echo {ours}");
    let made = shell.run(&make).await?.code == 0;
    let found = shell.run(&format!("type {TOKEN}")).await?.good().and_then(parse);
    match found {
        Some(found) if found == *token => Ok(if made { Taken::New } else { Taken::Ours }),
        Some(found) if found.run == token.run && found.epoch < token.epoch => {
            raise(shell, &found, token).await
        }
        Some(found) => Err(not_ours(shell, Some(found))),
        None => Err(not_ours(shell, None)),
    }
}

/// From an older epoch of the same run to this one. The directory named after the epoch is made once: of two
/// controllers that raise to the same epoch one does.
async fn raise(shell: &Shell, found: &LockSeen, token: &LockSeen) -> Result<Taken, Error> {
    let raise = format!(
        "{FIND} \"{}\" {TOKEN} >nul || exit 71 & mkdir {LOCK}\\epoch-{} || exit 72 & >{TOKEN} echo {}",
        line(found),
        token.epoch,
        line(token)
    );
    shell.run(&raise).await?;
    match holder(shell).await? {
        Some(now) if now == *token => Ok(Taken::Ours),
        now => Err(not_ours(shell, now)),
    }
}

async fn give_back(shell: &Shell, token: &LockSeen) -> Result<(), Error> {
    let line = format!("{FIND} \"{}\" {TOKEN} >nul && rmdir /s /q {LOCK}", line(token));
    shell.run(&line).await.map(drop)
}

pub(super) fn not_ours(shell: &Shell, found: Option<LockSeen>) -> Error {
    let found = match found {
        Some(found) => format!("{} (epoch {})", found.run, found.epoch),
        None => "nobody".into(),
    };
    Error::NotOurs { host: shell.id.clone(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_the_last_line_counts() {
        let token = LockSeen { run: "r-1".into(), epoch: 10 };
        assert_eq!(parse(&line(&token)), Some(token.clone()));
        assert_eq!(parse("token=r-1:1;\r\ntoken=r-1:10; \r\n"), Some(token.clone()));
        assert!(!line(&token).contains("token=r-1:1;"), "epoch 1 isn't found in epoch 10");
        for bad in ["", "token=r-1:10", "token=a b:1;", "token=r-1:x;", "r-1:1;"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
