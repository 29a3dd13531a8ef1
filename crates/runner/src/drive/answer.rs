//! Does what the machine wants, and says what came of it.

use std::sync::Arc;
use std::time::Duration;

use kaketsugi_estate::{LockSeen, Snapshot};
use kaketsugi_plan::{Action, Condition, Step, StepId};
use kaketsugi_platform::{Begun, Error as PlatformError, Order, Progress, Question};
use kaketsugi_run::{Input, Run, Want};
use kaketsugi_transport::operator::{Outcome, Request};

use super::carried::why;
use super::since::Since;
use super::tell::chain;
use super::{Driver, PACE};
use crate::clock::now;
use crate::error::Error;

/// Exit code that stands for "the platform refused to begin", as a shell's 126: found, but can't be run.
const REFUSED: u32 = 126;

/// For how long a node that should be there may leave every question about its work unanswered, in seconds. A
/// switch that starts anew takes less; a node that lost its power stays away.
const SILENCE_SECONDS: u32 = 180;

/// For how long locks that can't be taken are tried again, in seconds. One that another run holds is not.
const LOCK_SECONDS: u32 = 60;

/// For how long locks that can't be given back are tried again, in seconds.
const UNLOCK_SECONDS: u32 = 120;

impl Driver<'_> {
    pub(super) async fn answer(&mut self, run: &Run, want: &Want, since: &mut Since) -> Result<Input, Error> {
        // A controller that slept while another one took over must not act, nor ask anybody to.
        if matches!(want, Want::Begin { .. } | Want::Ask { .. } | Want::Lock { .. } | Want::Unlock { .. }) {
            self.journal.still_ours()?;
        }
        Ok(match want {
            Want::Ended(_) => Input::Interrupt,
            Want::Look => {
                let question = Question {
                    payload: Some(&run.plan().payload),
                    health: true,
                    why: vec!["To see whether the estate still is as the plan says.".into()],
                    ..Question::default()
                };
                match self.seen(&question, since).await {
                    Some(seen) => Input::Seen(Arc::new(seen)),
                    None => Input::NobodyThere,
                }
            }
            Want::Lock { token } => {
                let input = self.lock(token, since).await;
                if let (Input::Locked, Err(gone)) = (&input, self.journal.still_ours()) {
                    // Another controller took over, and perhaps finished the run, while the nodes were asked: a lock
                    // that was free again by then would be left for ever. One of a higher epoch is left alone.
                    let _ = self.platform.unlock(token).await;
                    return Err(gone);
                }
                input
            }
            Want::Unlock { token } => self.unlock(token, since).await,
            Want::Soak { step, seconds } if self.costs_a_person(run, step) => {
                // What is so is looked at when the time is over.
                let rest = Duration::from_secs(u64::from(*seconds)).saturating_sub(since.elapsed());
                tokio::time::sleep(rest).await;
                since.carried = None;
                Input::TimeOver { last: None }
            }
            Want::Probe { within_seconds, .. } if since.over(self.patience(*within_seconds)) => {
                Input::TimeOver { last: since.last.take() }
            }
            Want::Soak { seconds, .. } if since.over(*seconds) => Input::TimeOver { last: since.last.take() },
            Want::Probe { step, .. } | Want::Soak { step, .. } => self.look(run, step, since).await,
            Want::Begin { within_seconds, .. } | Want::Poll { within_seconds, .. }
                if since.over(self.patience(*within_seconds)) =>
            {
                Input::TimeOver { last: None }
            }
            Want::Begin { step, attempt, .. } => self.begin(run, step, *attempt, since).await,
            Want::Poll { step, attempt, .. } => self.poll(run, step, *attempt, since).await,
            Want::Ask { step, attempt, within_seconds } => {
                self.ask(run, step, *attempt, self.patience(*within_seconds), since).await
            }
        })
    }

    fn patience(&self, seconds: u32) -> u32 {
        self.patience_seconds_max.map_or(seconds, |max| seconds.min(max))
    }

    async fn lock(&mut self, token: &LockSeen, since: &mut Since) -> Input {
        match self.platform.lock(token).await {
            Ok(()) => Input::Locked,
            Err(why @ PlatformError::NotOurs { .. }) => Input::NotLocked { by: chain(&why) },
            Err(why) if since.over(LOCK_SECONDS) => Input::NotLocked { by: chain(&why) },
            Err(why) => {
                self.tell_once(since, format!("locks can't be taken yet: {}", chain(&why)));
                Input::NoAnswer
            }
        }
    }

    async fn unlock(&mut self, token: &LockSeen, since: &mut Since) -> Input {
        match self.platform.unlock(token).await {
            Ok(()) => Input::Unlocked,
            Err(PlatformError::NotOurs { found, .. }) => Input::LockLost { by: found },
            Err(why) if since.over(UNLOCK_SECONDS) => Input::NotLocked { by: chain(&why) },
            Err(why) => {
                self.tell_once(since, format!("locks can't be given back yet: {}", chain(&why)));
                Input::NoAnswer
            }
        }
    }

    async fn look(&mut self, run: &Run, step: &StepId, since: &mut Since) -> Input {
        let Some(step) = run.plan().step(step) else { return Input::NoAnswer };
        let question = question(run, step, since.last.as_deref());
        let Some(seen) = self.seen_for(step, &question, since).await else { return Input::NobodyThere };
        self.tell_awaited(run, step, &seen, since);
        let seen = Arc::new(seen);
        since.last = Some(Arc::clone(&seen));
        Input::Seen(seen)
    }

    async fn begin(&mut self, run: &Run, step: &StepId, attempt: u32, since: &mut Since) -> Input {
        let token = run.token();
        let Some(order) = order(run, step, attempt, &token) else { return Input::NoAnswer };
        since.carried = None;
        match self.platform.begin(&order).await {
            Ok(Begun::Running) => Input::Runs,
            Ok(Begun::Ended { code, output }) => Input::Ended { code, output },
            Err(PlatformError::NotOurs { found, .. }) => Input::LockLost { by: found },
            Err(PlatformError::Host { host, source }) if source.certainly_not_begun() => {
                self.tell_once(since, format!("{host}: {}", chain(&source)));
                Input::NotSent
            }
            // What an answer that can't be read left behind is for the next look to find out.
            Err(why @ (PlatformError::Host { .. } | PlatformError::Unreadable { .. })) => {
                self.tell_once(since, chain(&why));
                Input::NoAnswer
            }
            Err(
                why @ (PlatformError::NoPrivilege { .. }
                | PlatformError::Failed { .. }
                | PlatformError::NoSuchAction { .. }),
            ) => Input::Ended { code: REFUSED, output: chain(&why) },
        }
    }

    async fn poll(&mut self, run: &Run, step: &StepId, attempt: u32, since: &mut Since) -> Input {
        let token = run.token();
        let Some(order) = order(run, step, attempt, &token) else { return Input::NoAnswer };
        match self.platform.poll(&order).await {
            Ok(Progress::NotBegun) => Input::NotBegun,
            Ok(Progress::Running { tail }) => {
                if let Some(line) = tail.lines().rev().find(|l| !l.trim().is_empty()) {
                    self.tell_doing(step, line.to_owned(), since);
                }
                Input::Runs
            }
            Ok(Progress::Ended { code, output }) => Input::Ended { code, output },
            Ok(Progress::Vanished { output }) => Input::Vanished { output },
            Err(PlatformError::NotOurs { found, .. }) => Input::LockLost { by: found },
            // Whatever is wrong with asking says nothing about the work, which may go on.
            Err(why) => {
                self.tell_once(since, chain(&why));
                // Whether the node may be away is the machine's to say.
                match since.silence() {
                    seconds if seconds >= SILENCE_SECONDS => Input::Silent { seconds },
                    _ => Input::NoAnswer,
                }
            }
        }
    }

    /// Asks a person, and looks meanwhile: when the probe sees it done, nobody has to say so.
    async fn ask(&mut self, run: &Run, step: &StepId, attempt: u32, within: u32, since: &mut Since) -> Input {
        let Some(step) = run.plan().step(step) else { return Input::NoAnswer };
        let request = request(step, attempt);
        self.tell_doing(&step.id, format!("waits for a person: {}", request.instruction), since);
        let operator = self.operator;
        let mut asked = operator.ask(request);
        since.carried = None;
        let costs = self.costs_a_person(run, &step.id);
        let attest = matches!(step.action, Action::Attest { .. });
        loop {
            tokio::select! {
                answer = &mut asked => return match answer {
                    Ok(answer) => match answer.outcome {
                        Outcome::Done => Input::PersonDone { by: answer.by, at: now() },
                        Outcome::Cannot(why) => Input::PersonCannot { why: format!("{}: {why}", answer.by) },
                    },
                    Err(why) => {
                        self.note(chain(&why));
                        Input::NobodyThere
                    }
                },
                () = tokio::time::sleep(3 * PACE) => {
                    if !attest && !costs && let Input::Seen(seen) = self.look(run, &step.id, since).await {
                        let mut trial = run.clone();
                        if !trial.hear(Input::Seen(seen.clone())).is_empty() {
                            return Input::Seen(seen);
                        }
                    }
                    if since.elapsed() >= Duration::from_secs(u64::from(within)) {
                        return Input::TimeOver { last: None };
                    }
                }
            }
        }
    }
}

fn request(step: &Step, attempt: u32) -> Request {
    Request {
        id: format!("{}#{attempt}", step.id),
        host: step.action.node().map(ToString::to_string).unwrap_or_default(),
        instruction: step.instruction.clone().unwrap_or_else(|| step.title.clone()),
        proof: step.expects.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        timeout: None,
    }
}

fn order<'a>(run: &'a Run, step: &StepId, attempt: u32, token: &'a LockSeen) -> Option<Order<'a>> {
    Some(Order { plan: run.plan(), step: run.plan().step(step)?, attempt, token, start: run.start()? })
}

/// What has to be looked at for a step. `last` is the last look for the same.
pub(super) fn question<'a>(run: &'a Run, step: &Step, last: Option<&Snapshot>) -> Question<'a> {
    let plan = run.plan();
    let servers = plan.scope(step);
    let health = step.requires.iter().chain(&step.expects).any(|c| matches!(c, Condition::Healthy { .. }));
    Question { payload: Some(&plan.payload), servers, health, why: why(run, step, last) }
}
