//! Work that goes on by itself on its node: begun under a handle, polled, never begun twice.

use kaketsugi_estate::ServerId;
use kaketsugi_transport::sanitize;

use super::super::cluster::LinuxCluster;
use super::super::token::id_is_plain;
use super::{text, with, work};
use crate::{Begun, Error, Order, Progress};

const BEGIN: &str = include_str!("../../scripts/act/begin.sh");
const POLL: &str = include_str!("../../scripts/act/poll.sh");

impl LinuxCluster {
    /// Begins a step's work. A handle that was used already begins nothing.
    pub(in crate::linux) async fn begin_work(&self, order: &Order<'_>) -> Result<Begun, Error> {
        let (node, script) = work::of(order)?;
        let handle = handle(order, &node)?;
        let epoch = order.token.epoch.to_string();
        let begin = with(&[("RUN", &order.token.run), ("EPOCH", &epoch), ("HANDLE", &handle)], BEGIN);
        let output = self.tell(&node, begin, Some(script.into_bytes())).await?;
        let said = text(&node, "beginning the work", &output)?;
        let line = said.lines().next().unwrap_or_default();
        match line.split_once(' ') {
            None if line == "begun" || line == "already" => Ok(Begun::Running),
            Some(("held", found)) => Err(Error::NotOurs { host: node, found: sanitize(found) }),
            _ => Err(unreadable(node, "beginning the work", line)),
        }
    }

    /// Looks how far a step's work is.
    pub(in crate::linux) async fn poll_work(&self, order: &Order<'_>) -> Result<Progress, Error> {
        let node = work::node(order)?;
        let handle = handle(order, &node)?;
        let poll = with(&[("RUN", &order.token.run), ("HANDLE", &handle)], POLL);
        let output = self.tell(&node, poll, None).await?;
        let said = text(&node, "looking after the work", &output)?;
        read(&said).ok_or_else(|| {
            unreadable(node, "looking after the work", said.lines().next().unwrap_or_default())
        })
    }
}

/// Reads what poll.sh printed.
fn read(said: &str) -> Option<Progress> {
    let (first, output) = said.split_once('\n').unwrap_or((said, ""));
    let output = sanitize(output);
    match first.trim().split_once(' ') {
        None => match first.trim() {
            "not-begun" => Some(Progress::NotBegun),
            "running" => Some(Progress::Running { tail: output }),
            "vanished" => Some(Progress::Vanished { output }),
            _ => None,
        },
        Some(("ended", code)) => Some(Progress::Ended { code: code.trim().parse().ok()?, output }),
        Some(_) => None,
    }
}

fn handle(order: &Order<'_>, node: &ServerId) -> Result<String, Error> {
    if id_is_plain(&order.token.run) {
        return Ok(order.handle());
    }
    Err(Error::Failed {
        host: node.clone(),
        what: "naming the work".into(),
        why: format!("`{}` can't be a run's id", sanitize(&order.token.run)),
    })
}

fn unreadable(host: ServerId, what: &str, line: &str) -> Error {
    Error::Unreadable { host, what: what.into(), why: format!("it said `{}`", sanitize(line)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_answers_and_the_fourth() {
        assert_eq!(read("not-begun\n"), Some(Progress::NotBegun));
        assert_eq!(read("running\none\ntwo\n"), Some(Progress::Running { tail: "one\ntwo\n".into() }));
        assert_eq!(
            read("ended 100\nE: broken\n"),
            Some(Progress::Ended { code: 100, output: "E: broken\n".into() })
        );
        assert_eq!(read("vanished\n"), Some(Progress::Vanished { output: String::new() }));
        for bad in ["", "ended", "ended x\n", "gone\n", "running away\n"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
