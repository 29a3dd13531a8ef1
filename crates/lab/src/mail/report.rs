//! The mail client's account: when each service answered, what was accepted, what arrived.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// An interval without a success that is at least as long counts as a gap. Attempts start every 0.15 s and take some
/// hundredths; a busy machine of two cores has made 0.4 s of that without any interruption.
const GAP_MS_MIN: u64 = 700;

/// What a mail user saw. All times are milliseconds since the epoch, so that they can be set beside a journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MailReport {
    /// When the client began.
    pub from_ms: u64,
    /// When it stopped sending and reading.
    pub to_ms: u64,
    /// Sending.
    pub smtp: ServiceReport,
    /// Reading.
    pub imap: ServiceReport,
    /// Times in which one or the other was gone.
    pub either: Vec<Gap>,
    /// Mails that the server took responsibility for.
    pub accepted: Vec<String>,
    /// Mails that lay in the mailbox at the end.
    pub delivered: BTreeSet<String>,
    /// Accepted, but not in the mailbox at the end. (Delivered but not accepted is normal: the answer was lost.)
    pub lost: Vec<String>,
}

/// What the user saw of one service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceReport {
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// The longest time between two successes, be it a gap or not.
    pub longest_ms: u64,
    /// The gaps, in order.
    pub gaps: Vec<Gap>,
}

/// A time in which no attempt succeeded: from the last success to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The last success before it.
    pub from_ms: u64,
    /// The first success after it, or the end of the report.
    pub to_ms: u64,
    /// The first error in it, if there was one.
    pub error: Option<String>,
}

impl Gap {
    /// Its length, in milliseconds.
    #[must_use]
    pub fn length_ms(&self) -> u64 {
        self.to_ms - self.from_ms
    }
}

impl MailReport {
    /// The longest time in which one service or the other was gone, in milliseconds; 0 if there was none.
    #[must_use]
    pub fn longest_gap_ms(&self) -> u64 {
        self.either.iter().map(Gap::length_ms).max().unwrap_or(0)
    }
}

/// What is noted while the client works.
#[derive(Debug)]
pub(super) struct Log {
    from_ms: u64,
    pub(super) smtp: ServiceLog,
    pub(super) imap: ServiceLog,
    pub(super) accepted: Vec<String>,
}

/// The same for one service.
#[derive(Debug, Default)]
pub(super) struct ServiceLog {
    succeeded: Vec<u64>,
    failed: Vec<(u64, String)>,
}

impl Log {
    pub(super) fn begin(from_ms: u64) -> Log {
        Log { from_ms, smtp: ServiceLog::default(), imap: ServiceLog::default(), accepted: Vec::new() }
    }

    pub(super) fn report(&self, to_ms: u64, delivered: BTreeSet<String>) -> MailReport {
        let smtp = self.smtp.report(self.from_ms, to_ms);
        let imap = self.imap.report(self.from_ms, to_ms);
        let lost = self.accepted.iter().filter(|id| !delivered.contains(*id)).cloned().collect();
        MailReport {
            from_ms: self.from_ms,
            to_ms,
            either: union(smtp.gaps.iter().chain(&imap.gaps).cloned().collect()),
            smtp,
            imap,
            accepted: self.accepted.clone(),
            delivered,
            lost,
        }
    }
}

impl ServiceLog {
    pub(super) fn succeeded(&mut self, at_ms: u64) {
        self.succeeded.push(at_ms);
    }

    pub(super) fn failed(&mut self, at_ms: u64, error: String) {
        self.failed.push((at_ms, error));
    }

    fn report(&self, from_ms: u64, to_ms: u64) -> ServiceReport {
        let mut marks = vec![from_ms];
        marks.extend(self.succeeded.iter().filter(|at| (from_ms..to_ms).contains(*at)));
        marks.push(to_ms);
        let intervals = || marks.windows(2).map(|pair| (pair[0], pair[1].max(pair[0])));
        let gaps = intervals().filter(|(from, to)| to - from >= GAP_MS_MIN).map(|(from_ms, to_ms)| Gap {
            from_ms,
            to_ms,
            error: self
                .failed
                .iter()
                .find(|(at, _)| (from_ms..=to_ms).contains(at))
                .map(|(_, error)| error.clone()),
        });
        ServiceReport {
            succeeded: self.succeeded.len() as u64,
            failed: self.failed.len() as u64,
            longest_ms: intervals().map(|(from, to)| to - from).max().unwrap_or(0),
            gaps: gaps.collect(),
        }
    }
}

/// Gaps that overlap, put together.
fn union(mut gaps: Vec<Gap>) -> Vec<Gap> {
    gaps.sort_by_key(|gap| gap.from_ms);
    let mut joined: Vec<Gap> = Vec::new();
    for gap in gaps {
        match joined.last_mut() {
            Some(last) if gap.from_ms <= last.to_ms => last.to_ms = last.to_ms.max(gap.to_ms),
            _ => joined.push(gap),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Log {
        let mut log = Log::begin(1_000);
        [1_100, 1_300, 3_000, 3_200].into_iter().for_each(|at| log.smtp.succeeded(at));
        [1_100, 1_400, 2_500, 3_200].into_iter().for_each(|at| log.imap.succeeded(at));
        log.smtp.failed(1_900, "refused".into());
        log.accepted = vec!["a".into(), "b".into()];
        log
    }

    #[test]
    fn gaps_run_from_success_to_success_and_overlapping_ones_are_one_interruption() {
        let report = log().report(3_300, BTreeSet::new());
        assert_eq!(report.smtp.gaps, [Gap { from_ms: 1_300, to_ms: 3_000, error: Some("refused".into()) }]);
        assert_eq!(report.imap.gaps.len(), 2, "1.1 s and exactly the least that counts");
        assert_eq!(report.either.len(), 1);
        assert_eq!(report.longest_gap_ms(), 3_200 - 1_300);
    }

    #[test]
    fn a_service_that_never_comes_back_is_gone_until_the_end() {
        let report = log().report(9_000, BTreeSet::new());
        assert_eq!(report.smtp.gaps.last().map(|gap| gap.to_ms), Some(9_000));
        assert_eq!(report.smtp.longest_ms, 5_800);
    }

    #[test]
    fn accepted_and_not_delivered_is_lost_but_not_the_other_way_round() {
        let delivered = BTreeSet::from(["a".to_owned(), "unacknowledged".to_owned()]);
        assert_eq!(log().report(3_300, delivered).lost, ["b"]);
    }
}
