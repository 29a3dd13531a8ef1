//! What a driver remembers between two wants: for how long the same thing has been wanted, and what it told last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kaketsugi_estate::{ServerId, Snapshot};
use kaketsugi_plan::StepId;
use kaketsugi_run::{GroupLine, Input, Want};
use tokio::time::Instant;

use super::PACE;
use super::carried::Carried;

/// After so many looks at the same thing it is something slow, and needs no quick ones.
const QUICK_LOOKS: u32 = 20;

/// What this process remembers.
#[derive(Default)]
pub(super) struct Since {
    want: Option<Want>,
    at: Option<Instant>,
    looks: u32,
    /// How often in a row nothing got through.
    trouble: u32,
    /// When the first question in a row went unanswered.
    silent: Option<Instant>,
    /// Whether there was a look after the time was over.
    last_chance: bool,
    pub(super) last: Option<Arc<Snapshot>>,
    /// The last look that a person carried, as long as nothing was done since.
    pub(super) carried: Option<Carried>,
    pub(super) announced: Option<StepId>,
    pub(super) told: Option<String>,
    pub(super) unreached: BTreeSet<ServerId>,
    pub(super) groups: Vec<GroupLine>,
}

impl Since {
    /// This is wanted now.
    pub(super) fn note(&mut self, want: &Want) {
        if self.want.as_ref() == Some(want) {
            self.looks = self.looks.saturating_add(1);
            return;
        }
        self.want = Some(want.clone());
        self.at = Some(Instant::now());
        self.looks = 0;
        self.last_chance = false;
        self.last = None;
    }

    /// This came of it.
    pub(super) fn heard(&mut self, input: &Input) {
        self.trouble = match input {
            Input::NotSent | Input::NoAnswer | Input::NotBegun | Input::Silent { .. } => {
                self.trouble.saturating_add(1)
            }
            // A look between two tries says nothing about whether the next one gets through.
            Input::Seen(_) => self.trouble,
            _ => 0,
        };
        if self.trouble == 0 {
            self.silent = None;
        }
    }

    /// A question went unanswered: for how long, in whole seconds, none has been answered now.
    pub(super) fn silence(&mut self) -> u32 {
        let seconds = self.silent.get_or_insert_with(Instant::now).elapsed().as_secs();
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    /// How long to wait before the next answer.
    pub(super) fn pause(&self) -> Duration {
        match (self.looks, self.trouble) {
            (0, 0) => Duration::ZERO,
            (_, trouble @ 1..) => PACE * 2_u32.pow(trouble.saturating_sub(1).min(2)),
            (looks, 0) if looks > QUICK_LOOKS => 3 * PACE,
            _ => PACE,
        }
    }

    /// Whether the same thing was wanted, and answered, before.
    pub(super) fn again(&self) -> bool {
        self.looks > 0
    }

    /// For how long the same thing has been wanted.
    pub(super) fn elapsed(&self) -> Duration {
        self.at.map(|at| at.elapsed()).unwrap_or_default()
    }

    /// Whether it has been wanted for longer than this, and was looked at since. A controller that was frozen looks
    /// once more before it says that the time is over.
    pub(super) fn over(&mut self, seconds: u32) -> bool {
        if self.elapsed() < Duration::from_secs(u64::from(seconds)) {
            return false;
        }
        std::mem::replace(&mut self.last_chance, true)
    }
}

#[cfg(test)]
mod tests {
    use kaketsugi_run::End;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_was_frozen_looks_once_more_before_the_time_is_over() {
        let mut since = Since::default();
        since.note(&Want::Look);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(!since.over(60));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(!since.over(60), "the last look was an hour ago");
        assert!(since.over(60));
        // The time of something else is its own.
        since.note(&Want::Ended(End::Stopped));
        assert!(!since.over(60));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(!since.over(60));
        assert!(since.over(60));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_first_question_that_went_unanswered() {
        let mut since = Since::default();
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(since.silence(), 0);
        since.heard(&Input::NoAnswer);
        tokio::time::advance(Duration::from_secs(90)).await;
        since.heard(&Input::Seen(Arc::default()));
        assert_eq!(since.silence(), 90, "a look at other nodes between two tries is no answer");
        since.heard(&Input::Runs);
        assert_eq!(since.silence(), 0);
    }

    #[test]
    fn what_does_not_get_through_is_tried_more_and_more_slowly() {
        let mut since = Since::default();
        since.note(&Want::Look);
        assert_eq!(since.pause(), Duration::ZERO);
        let mut pauses = Vec::new();
        for _ in 0..5 {
            since.heard(&Input::NotSent);
            pauses.push(since.pause());
            // A look between two tries.
            since.heard(&Input::Seen(Arc::default()));
        }
        assert_eq!(pauses, [1, 2, 4, 4, 4].map(|n| n * PACE));
        since.heard(&Input::Runs);
        assert_eq!(since.pause(), Duration::ZERO);
    }
}
