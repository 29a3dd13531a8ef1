//! What each action is on Windows: where its work lies, and its lines.

mod groups;
mod media;
mod settings;

use kaketsugi_estate::{Policy, ServerId};
use kaketsugi_knowledge::releases;
use kaketsugi_plan::{Action, Payload};

use super::cluster::{NAME, WindowsCluster};
use super::names::quoted;
use super::script::{Lines, literal};
use crate::{Error, Order};

/// Win32 errors that say that it is so already.
const ALREADY_RUNNING: u32 = 1056;
const NOT_STARTED: u32 = 1062;

/// Seconds between the command and the restart: time to write the exit code.
const RESTART_DELAY_SECONDS: u32 = 3;

/// Where an action's work lies, and its lines.
pub(super) struct Work {
    pub(super) node: ServerId,
    pub(super) lines: Lines,
}

impl WindowsCluster {
    /// Whether the machine may carry an action out: there is a command for it, and it is verified or policy allows it.
    #[must_use]
    pub fn can_by_machine(action: &Action, payload: &Payload, policy: &Policy) -> bool {
        match action {
            Action::Move { .. }
            | Action::TakeOffline { .. }
            | Action::BringOnline { .. }
            | Action::StopService { .. }
            | Action::StartService { .. }
            | Action::Pause { .. }
            | Action::Restart { .. }
            | Action::Stage { .. }
            | Action::Quiet { .. }
            | Action::PutBack { .. } => true,
            Action::Install { release, .. } => payload.find(release).is_some_and(|part| {
                let known = releases().resolve(release.as_str());
                let verified = known.as_deref().and_then(|r| {
                    r.installer
                        .machine_command(policy.allow_unverified_commands)
                        .map(|c| c.template.to_owned())
                });
                verified.is_some() && part.command == verified
            }),
            // In and out of a pool, by the administrator's own commands; or a node that was paused.
            Action::Drain { .. } | Action::Readmit { .. } => true,
            // No command line for it was found.
            Action::UpgradeGroup { .. }
            | Action::Optimize { .. }
            | Action::Attest { .. }
            | Action::Soak { .. }
            | Action::Verify { .. } => false,
        }
    }

    /// Finds where an action's work lies and what it is.
    pub(super) async fn prepare(&self, order: &Order<'_>) -> Result<Work, Error> {
        let action = &order.step.action;
        let policy = &order.plan.estate.policy;
        if !Self::can_by_machine(action, &order.plan.payload, policy) {
            return Err(Error::NoSuchAction {
                what: format!("{} by the machine", action.name()),
                platform: NAME,
            });
        }
        match action {
            Action::Stage { node, release } => self.stage(order, node, release),
            Action::Install { node, release } => self.install(order, node, release),
            Action::Restart { node } => {
                let mut lines = Lines::default();
                lines.must(self.shell(node)?.tools.restart(RESTART_DELAY_SECONDS));
                Ok(Work { node: node.clone(), lines })
            }
            Action::Quiet { node } => self.quiet(order, node).await,
            Action::PutBack { node } => self.put_back(order, node).await,
            Action::Move { group, to, .. } => {
                let name = self.name(to, group.as_str())?;
                let node = self.name(to, to.as_str())?;
                let mut lines = Lines::default();
                lines.must(format!("cluster group {name} /moveto:{node} /wait:{}", patience(order)));
                Ok(Work { node: to.clone(), lines })
            }
            Action::TakeOffline { .. } | Action::BringOnline { .. } => self.resources(order).await,
            Action::Pause { node, .. } => self.switch(order, node, "pause").await,
            Action::Readmit { node, .. } if self.estate.pool_of(node).is_none() => {
                self.switch(order, node, "resume").await
            }
            Action::Drain { node, .. } | Action::Readmit { node, .. } => self.balance(action, node),
            Action::StopService { node, .. } => self.service(order, node, "stop", NOT_STARTED).await,
            Action::StartService { node, .. } => self.service(order, node, "start", ALREADY_RUNNING).await,
            other => Err(Error::NoSuchAction { what: other.name().into(), platform: NAME }),
        }
    }

    /// What the administrator has for the balancer, in an interpreter of its own: a batch file that is started without one
    /// never comes back to the line after it.
    fn balance(&self, action: &Action, node: &ServerId) -> Result<Work, Error> {
        let pool = self.estate.pool_of(node).map(|(_, pool)| pool);
        let command = pool.and_then(|pool| match action {
            Action::Drain { .. } => pool.out.as_deref(),
            _ => pool.r#in.as_deref(),
        });
        let command = command.ok_or_else(|| Error::NoSuchAction {
            what: format!("{} of {node} by the machine, without a command for its balancer", action.name()),
            platform: NAME,
        })?;
        let mut lines = Lines::default();
        lines.must(format!("cmd /s /c \"{}\"", literal(command)));
        Ok(Work { node: node.clone(), lines })
    }

    fn name(&self, host: &ServerId, name: &str) -> Result<String, Error> {
        quoted(name).map_err(|why| Error::Failed {
            host: host.clone(),
            what: "writing a command".into(),
            why: why.to_string(),
        })
    }
}

/// Seconds that one command waits: within the step's own time, never without limit.
fn patience(order: &Order<'_>) -> u32 {
    order.step.timeout_seconds.clamp(60, 900)
}
