//! What the machine wants of its host, and what the host tells it.

use std::sync::Arc;

use kaketsugi_estate::{LockSeen, Snapshot};
use kaketsugi_plan::StepId;

/// What is wanted next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Want {
    /// Probe the whole estate; answer [`Input::Seen`].
    Look,
    /// Take all locks under this token; answer [`Input::Locked`] or [`Input::NotLocked`].
    Lock {
        /// Run and epoch.
        token: LockSeen,
    },
    /// Probe for this step, with health; answer [`Input::Seen`], [`Input::NobodyThere`] when a person has to carry the
    /// look and doesn't, or [`Input::TimeOver`] with the last look once `within_seconds` have passed since
    /// the same want first came up.
    Probe {
        /// The step.
        step: StepId,
        /// For how long it may come up again and again.
        within_seconds: u32,
    },
    /// Begin the step's work; answer [`Input::Ended`], [`Input::Runs`], [`Input::NotSent`] or [`Input::NoAnswer`].
    Begin {
        /// The step.
        step: StepId,
        /// The attempt, which names the handle.
        attempt: u32,
        /// For how long it may come up again and again.
        within_seconds: u32,
    },
    /// Look how far the work is; answer [`Input::Ended`], [`Input::Runs`], [`Input::NotBegun`], [`Input::Vanished`],
    /// [`Input::NoAnswer`], [`Input::Silent`], or [`Input::TimeOver`].
    Poll {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// For how long it may come up again and again.
        within_seconds: u32,
    },
    /// Ask a person to do the step, and probe meanwhile; answer [`Input::PersonDone`], [`Input::PersonCannot`],
    /// [`Input::NobodyThere`], [`Input::Seen`] or [`Input::TimeOver`].
    Ask {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// For how long it may come up again and again.
        within_seconds: u32,
    },
    /// Let this many seconds pass and probe meanwhile; answer [`Input::Seen`], and [`Input::TimeOver`] at the end.
    Soak {
        /// The step.
        step: StepId,
        /// For how long.
        seconds: u32,
    },
    /// Give the locks back; answer [`Input::Unlocked`], or [`Input::NotLocked`] with the reason when they can't be.
    Unlock {
        /// Run and epoch.
        token: LockSeen,
    },
    /// Nothing more.
    Ended(End),
}

impl Want {
    /// The step that it is about.
    #[must_use]
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::Probe { step, .. }
            | Self::Begin { step, .. }
            | Self::Poll { step, .. }
            | Self::Ask { step, .. }
            | Self::Soak { step, .. } => Some(step),
            Self::Look | Self::Lock { .. } | Self::Unlock { .. } | Self::Ended(_) => None,
        }
    }
}

/// How a run ended, or why it doesn't go on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum End {
    /// All done.
    Finished,
    /// Stopped, safe; [`crate::Why`] is in the journal's last record.
    Stopped,
    /// It never began: these servers don't answer, so nobody can say whether the estate is as the plan says. Nothing was
    /// changed.
    Unreached(Vec<String>),
    /// It never began: the estate isn't as the plan says. Nothing was changed.
    Drifted(Vec<String>),
}

/// What the host tells.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// What probes saw.
    Seen(Arc<Snapshot>),
    /// All locks are held.
    Locked,
    /// A lock is held by somebody else, or can't be taken or given back.
    NotLocked {
        /// By whom, or why.
        by: String,
    },
    /// The work has ended.
    Ended {
        /// Exit code.
        code: u32,
        /// Output, bounded.
        output: String,
    },
    /// The work runs.
    Runs,
    /// The command certainly didn't reach the node.
    NotSent,
    /// Nothing under this handle was ever begun on the node.
    NotBegun,
    /// It was begun, doesn't run and left no exit code.
    Vanished {
        /// What it had printed.
        output: String,
    },
    /// The node doesn't answer; the command may have arrived.
    NoAnswer,
    /// The node says that the lock isn't ours any more; nothing was done.
    LockLost {
        /// Who holds it.
        by: String,
    },
    /// A person says it is done.
    PersonDone {
        /// Who.
        by: String,
        /// When, by the controller's clock.
        at: kaketsugi_estate::Millis,
    },
    /// A person says it can't be done.
    PersonCannot {
        /// Who and why.
        why: String,
    },
    /// Nobody is there to be asked.
    NobodyThere,
    /// Nothing has got through to the node for so long that it can't be waited for: its power may be gone.
    Silent {
        /// For how long, in seconds.
        seconds: u32,
    },
    /// The want came up for as long as it may.
    TimeOver {
        /// What was seen last; None when there was nothing to see.
        last: Option<Arc<Snapshot>>,
    },
    /// All locks are given back.
    Unlocked,
    /// The administrator wants the run to stop.
    Interrupt,
}
