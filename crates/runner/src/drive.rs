//! Drives a run: does what the machine wants, tells it what came of it, journals what it answers.

mod answer;
mod carried;
mod since;
mod tell;

use std::time::Duration;

use kaketsugi_platform::Platform;
use kaketsugi_run::{End, Event, Input, Run, Want, What};
use kaketsugi_transport::operator::Operator;

use crate::clock::now;
use crate::crash::CrashPoint;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::journal::Journal;
use since::Since;

/// How long to wait between two looks at the same thing.
const PACE: Duration = Duration::from_millis(700);

/// How driving ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The machine's own end. A run that was interrupted before it began is stopped, and holds no reason.
    Run(End),
    /// These servers don't answer; nothing was begun.
    Unreached(Vec<String>),
    /// The estate isn't as the plan says; nothing was begun.
    Drifted(Vec<String>),
    /// The look before the run waits for a person, for this reason; nothing was begun.
    Waits(String),
}

/// What is needed to drive a run.
pub struct Driver<'a> {
    /// Speaks for the estate's machines.
    pub platform: &'a dyn Platform,
    /// Speaks for people.
    pub operator: &'a dyn Operator,
    /// Where records go.
    pub journal: &'a mut Journal,
    /// Hears of everything.
    pub events: &'a (dyn Fn(Event) + Send + Sync),
    /// Asks for a stop.
    pub interrupt: Interrupt,
    /// No step has more time than this, in seconds, whatever its plan says: for rehearsals, whose nodes and people are
    /// fast. What is to be waited out, as the trial of a patched node, is.
    pub patience_seconds_max: Option<u32>,
}

impl Driver<'_> {
    /// Drives a run until it ends, stops, or the journal can't be written.
    ///
    /// # Errors
    /// The journal's. Nothing was begun that isn't in it.
    pub async fn drive(&mut self, run: &mut Run) -> Result<Ending, Error> {
        let mut since = Since::default();
        let mut crash = CrashPoint::from_environment();
        loop {
            let want = run.next();
            match want {
                Want::Ended(End::Unreached(silent)) => return Ok(Ending::Unreached(silent)),
                Want::Ended(End::Drifted(differences)) => return Ok(Ending::Drifted(differences)),
                Want::Ended(end) => return Ok(Ending::Run(end)),
                _ if self.interrupt.is_set() && !run.begun() => return Ok(Ending::Run(End::Stopped)),
                _ => {}
            }
            since.note(&want);
            self.announce(run, &want, &mut since);
            self.pause(since.pause()).await;
            let input = self.heard(run, &want, &mut since).await?;
            if let (Want::Look, Input::NobodyThere) = (&want, &input) {
                return Ok(Ending::Waits(self.platform.waits_for_person().unwrap_or_default()));
            }
            since.heard(&input);
            for record in run.hear(input) {
                let order = |source| Error::Order { path: self.journal.path().into(), source };
                // What may not follow must not get into the journal: it could never be read again.
                run.may(&record).map_err(order)?;
                let entry = self.journal.append(&record, now())?;
                crash.journalled(&record);
                run.apply(record)
                    .map_err(|source| Error::Order { path: self.journal.path().into(), source })?;
                self.emit(What::Recorded { seq: entry.seq, entry: entry.record });
            }
        }
    }

    /// What came of what is wanted, or that the run is to stop. A look is broken off for that; work, and what is done
    /// about locks, comes to its answer first.
    async fn heard(&mut self, run: &Run, want: &Want, since: &mut Since) -> Result<Input, Error> {
        let only_looks = matches!(
            want,
            Want::Look | Want::Probe { .. } | Want::Poll { .. } | Want::Ask { .. } | Want::Soak { .. }
        );
        if self.interrupt.is_set() && run.begun() {
            return Ok(Input::Interrupt);
        }
        if !only_looks {
            return self.answer(run, want, since).await;
        }
        let interrupt = self.interrupt.clone();
        tokio::select! {
            biased;
            input = self.answer(run, want, since) => input,
            // Before the run has begun this means nothing to it; the driver ends by itself.
            () = interrupt.wait() => Ok(Input::Interrupt),
        }
    }

    /// Waits, unless the run is to stop.
    async fn pause(&mut self, time: Duration) {
        if time.is_zero() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.interrupt.wait() => {}
        }
    }
}
