//! Begins a step's work on its node and tells how far it is.
//!
//! All work runs detached, under a unit of systemd with the handle's name, in a directory of the same name that is made
//! exclusively: `step`, `script` and `boot` when it is begun, `begun` right before the first effect, `output`, and at
//! last `exit`, each on durable storage before the next. From these and the unit's state it can always be told whether
//! the work was never begun, runs, has ended, or vanished with the power.

use std::time::Duration;

use kaketsugi_estate::ServerId;
use kaketsugi_transport::{Command, Host, quote, sanitize};

use super::actions::Work;
use super::cluster::LinuxCluster;
use super::resolve::last_lines;
use super::sections::{Sections, mark};
use super::{paths, token};
use crate::pacemaker::lock::LOCK_ID;
use crate::{Begun, Error, Order, Progress};

const BEGIN: &str = include_str!("../scripts/begin.sh");
const JOB: &str = include_str!("../scripts/job.sh");
const POLL: &str = include_str!("../scripts/poll.sh");
/// The scripts' exit code for a lock that isn't ours.
pub(super) const NOT_OURS: u32 = 97;
/// … and for a handle that belongs to another step.
const OTHER_STEP: u32 = 98;
/// Beginning and polling are quick; a node that swaps, or whose guard is held, is not.
const TIMEOUT: Duration = Duration::from_secs(120);

impl LinuxCluster {
    /// Begins a step under its handle.
    pub(super) async fn start(&self, order: &Order<'_>) -> Result<Begun, Error> {
        let work = Work::of(order, self)?;
        let host = self.host(&work.node)?;
        check_token(order, &work.node)?;
        let parameters = parameters(order, &work);
        let job = format!("{parameters}{}{JOB}{}\njob\n", work.parameters, work.script);
        let command = format!("{parameters}SCRIPT={}\n{BEGIN}", quote(&job));
        let failed = |why: String| Error::Failed {
            host: work.node.clone(),
            what: format!("beginning {}", order.step.id),
            why,
        };
        let output = host
            .run(&Command::shell(command).timeout(TIMEOUT))
            .await
            .map_err(|source| Error::Host { host: work.node.clone(), source })?;
        match output.exit.code() {
            Some(0) => Ok(Begun::Running),
            Some(NOT_OURS) => Err(not_ours(&work.node, &output.stdout_text())),
            Some(OTHER_STEP) => Err(failed(format!("the handle {} belongs to another step", order.handle()))),
            _ => Err(failed(format!("{}: {}", output.exit, last_lines(&output.stderr_text())))),
        }
    }

    /// Tells how far a step is.
    pub(super) async fn progress(&self, order: &Order<'_>) -> Result<Progress, Error> {
        let node = super::actions::node_of(&order.step.action)?;
        let host = self.host(node)?;
        check_token(order, node)?;
        let mark = mark();
        let script = format!(
            "MARK={mark}\nROOT={}\nRUN={}\nHANDLE={}\nSTEP={}\n{POLL}",
            paths::ROOT,
            quote(&order.token.run),
            quote(&order.handle()),
            quote(order.step.id.as_str()),
        );
        let output = host
            .run(&Command::shell(script).timeout(TIMEOUT))
            .await
            .map_err(|source| Error::Host { host: node.clone(), source })?;
        read_progress(node, &Sections::parse(&output.stdout_text(), &mark))
    }

    /// The host of a server.
    pub(super) fn host(&self, node: &ServerId) -> Result<&dyn Host, Error> {
        self.hosts.get(node).map(|host| &**host as &dyn Host).ok_or_else(|| Error::Failed {
            host: node.clone(),
            what: "reaching the node".into(),
            why: "no transport leads to it".into(),
        })
    }
}

fn read_progress(node: &ServerId, sections: &Sections) -> Result<Progress, Error> {
    let unreadable = |why: &str| Error::Unreadable {
        host: node.clone(),
        what: "the state of a step".into(),
        why: why.into(),
    };
    let text = || sections.get("output").map(|s| sanitize(&s.text)).unwrap_or_default();
    match sections.line("state") {
        Some("not-begun") => Ok(Progress::NotBegun),
        Some("running") => Ok(Progress::Running { tail: text() }),
        Some("ended") => {
            let code = sections.line("exit").and_then(|code| code.parse().ok());
            Ok(Progress::Ended {
                code: code.ok_or_else(|| unreadable("no exit code in its file"))?,
                output: text(),
            })
        }
        // It ordered the restart, and the node has started anew: nothing was left to be done.
        Some("restarted") => Ok(Progress::Ended { code: 0, output: text() }),
        Some("vanished") => Ok(Progress::Vanished { output: text() }),
        Some("refused") => Err(not_ours(node, sections.text("refused").unwrap_or(""))),
        Some("other-step") => Err(unreadable("the handle belongs to another step")),
        Some(other) => Err(unreadable(other)),
        None => Err(unreadable("no answer")),
    }
}

/// Whose the lock is, as a script printed it.
pub(super) fn not_ours(node: &ServerId, found: &str) -> Error {
    let found = sanitize(found.trim());
    let found = match token::parse(&found) {
        Some(token) => format!("the run {} (epoch {})", token.run, token.epoch),
        None if found.is_empty() => "nobody".into(),
        None => found,
    };
    Error::NotOurs { host: node.clone(), found }
}

fn check_token(order: &Order<'_>, node: &ServerId) -> Result<(), Error> {
    if token::id_is_plain(&order.token.run) {
        return Ok(());
    }
    let why = format!("the run's id `{}` can't stand in a path", sanitize(&order.token.run));
    Err(Error::Failed { host: node.clone(), what: format!("beginning {}", order.step.id), why })
}

fn parameters(order: &Order<'_>, work: &Work) -> String {
    format!(
        "ROOT={}\nRUN={}\nEPOCH={}\nHANDLE={}\nSTEP={}\nLOCK_ID={LOCK_ID}\nKILL_MODE={}\n",
        paths::ROOT,
        quote(&order.token.run),
        order.token.epoch,
        quote(&order.handle()),
        quote(order.step.id.as_str()),
        if work.outlives_shutdown { "process" } else { "control-group" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(parts: &[(&str, &str)]) -> Result<Progress, Error> {
        let text: String =
            parts.iter().map(|(name, text)| format!("@@m {name}\n{text}\n@@m = 0\n")).collect();
        read_progress(&ServerId::new("n1").unwrap(), &Sections::parse(&text, "@@m"))
    }

    #[test]
    fn states_are_told_apart() {
        assert_eq!(progress(&[("state", "not-begun\n")]).unwrap(), Progress::NotBegun);
        assert_eq!(
            progress(&[("state", "ended\n"), ("exit", "100\n"), ("output", "E: \u{1b}[31mbad\n")]).unwrap(),
            Progress::Ended { code: 100, output: "E: \\x1b[31mbad\n".into() }
        );
        assert_eq!(
            progress(&[("state", "vanished\n"), ("output", "x")]).unwrap(),
            Progress::Vanished { output: "x".into() }
        );
        assert_eq!(
            progress(&[("state", "restarted\n")]).unwrap(),
            Progress::Ended { code: 0, output: String::new() }
        );
    }

    #[test]
    fn nothing_is_assumed_from_half_an_answer() {
        assert!(matches!(progress(&[]), Err(Error::Unreadable { .. })));
        assert!(matches!(progress(&[("state", "ended\n"), ("exit", "")]), Err(Error::Unreadable { .. })));
        assert!(matches!(progress(&[("state", "ended\n"), ("exit", "x")]), Err(Error::Unreadable { .. })));
        assert!(matches!(progress(&[("state", "elsewhere\n")]), Err(Error::Unreadable { .. })));
    }

    #[test]
    fn a_refusal_names_who_has_the_lock() {
        let refused = progress(&[("state", "refused\n"), ("refused", "r-2 5\n")]).unwrap_err();
        assert!(matches!(&refused, Error::NotOurs { found, .. } if found.contains("r-2")), "{refused}");
        let nobody = progress(&[("state", "refused\n"), ("refused", "\n")]).unwrap_err();
        assert!(matches!(&nobody, Error::NotOurs { found, .. } if found == "nobody"), "{nobody}");
    }
}
