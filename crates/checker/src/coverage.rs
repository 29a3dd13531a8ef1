//! The coverage table: step × fault × moment, with the ends that were reached from there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kaketsugi_plan::{Plan, Step, StepId};
use serde::{Deserialize, Serialize};

use crate::host::asks_person;
use crate::{FaultKind, Moment, translate};

/// How an exploration's way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The run finishes by itself, goal reached.
    Finished,
    /// The run stops, is repaired and resumed, and finishes, goal reached.
    FinishedAfterResume,
    /// Settings are put back after a stop, all as they were found.
    Restored,
    /// The run stops safe, and resuming the same plan doesn't lead on: a new plan has to be made from what is there.
    NeedsNewPlan,
    /// Settings can't all be put back yet, because something is half done: it stops safe, and says what.
    NotAllRestored,
}

impl Ending {
    pub(crate) const ALL: [Self; 5] =
        [Self::Finished, Self::FinishedAfterResume, Self::Restored, Self::NeedsNewPlan, Self::NotAllRestored];
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "finishes",
            Self::FinishedAfterResume => "stops; resumed, finishes",
            Self::Restored => "stops; restored",
            Self::NeedsNewPlan => "stops; needs a new plan",
            Self::NotAllRestored => "stops; can't all be restored yet",
        })
    }
}

/// One cell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// At how many places of the exploration the fault was injected here.
    pub places: u32,
    /// At how many places the controller was crashed here, before any fault.
    pub crashes: u32,
    /// How it ends without a crash.
    pub ends: BTreeSet<Ending>,
    /// How it ends with crashes, anywhere from here on.
    pub ends_with_crashes: BTreeSet<Ending>,
    /// Why nothing was injected here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<Empty>,
}

/// Why a cell is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Empty {
    /// The step gives no command.
    OnlyLooks,
    /// The step was never due: its `when` said no, or it was done already.
    NeverDue,
    /// A person does it, or nobody does.
    OtherActor,
    /// The command is done at once: there is no middle.
    NoMiddle,
    /// No group starts or stops by it.
    NoGroupMoves,
    /// It replaces no files.
    NothingInstalled,
    /// It rests on no evidence that ages.
    NoEvidence,
    /// The fault has no such moment.
    NoSuchMoment,
    /// This cluster software fences nothing, or fencing is disabled by policy.
    NoFencing,
}

impl fmt::Display for Empty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnlyLooks => "the step gives no command",
            Self::NeverDue => "the step was never due",
            Self::OtherActor => "the step is done by another hand",
            Self::NoMiddle => "the command is done at once",
            Self::NoGroupMoves => "no group starts or stops by it",
            Self::NothingInstalled => "it replaces no files",
            Self::NoEvidence => "it rests on no evidence that ages",
            Self::NoSuchMoment => "the fault has no such moment",
            Self::NoFencing => "nothing is fenced here",
        })
    }
}

/// One step's part of the table.
pub type Row = BTreeMap<FaultKind, BTreeMap<Moment, Cell>>;

/// The table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// By step, in the plan's order; by fault; by moment.
    pub steps: Vec<(StepId, Row)>,
}

impl Coverage {
    /// Puts a table together from its filled cells, and explains the others.
    pub(crate) fn new(
        plan: &Plan,
        mut filled: BTreeMap<(StepId, FaultKind, Moment), Cell>,
        due: &BTreeSet<StepId>,
    ) -> Self {
        let steps = plan
            .steps
            .iter()
            .map(|step| {
                let mut faults = Row::new();
                for kind in FaultKind::ALL {
                    for moment in moments(kind) {
                        let cell = filled.remove(&(step.id.clone(), kind, *moment)).unwrap_or_else(|| Cell {
                            empty: Some(why_empty(plan, step, kind, *moment, due)),
                            ..Cell::default()
                        });
                        faults.entry(kind).or_default().insert(*moment, cell);
                    }
                }
                (step.id.clone(), faults)
            })
            .collect();
        Self { steps }
    }

    /// All cells.
    pub fn cells(&self) -> impl Iterator<Item = (&StepId, FaultKind, Moment, &Cell)> {
        self.steps.iter().flat_map(|(step, faults)| {
            faults
                .iter()
                .flat_map(move |(kind, by)| by.iter().map(move |(moment, cell)| (step, *kind, *moment, cell)))
        })
    }

    /// At how many places a fault was injected.
    #[must_use]
    pub fn faults(&self) -> u32 {
        self.cells().filter(|(_, kind, ..)| *kind != FaultKind::None).map(|(.., cell)| cell.places).sum()
    }

    /// At how many places the controller was crashed before any fault.
    #[must_use]
    pub fn crashes(&self) -> u32 {
        self.cells().map(|(.., cell)| cell.crashes).sum()
    }

    /// How often each end is among those that a cell reaches.
    #[must_use]
    pub fn ends(&self) -> BTreeMap<Ending, u32> {
        let mut ends = BTreeMap::new();
        for (.., cell) in self.cells() {
            for end in cell.ends.union(&cell.ends_with_crashes) {
                *ends.entry(*end).or_default() += 1;
            }
        }
        ends
    }
}

/// The moments at which a kind of fault comes.
fn moments(kind: FaultKind) -> &'static [Moment] {
    use Moment::{After, Amid, Before};
    match kind {
        FaultKind::None
        | FaultKind::FailsBefore
        | FaultKind::NotSent
        | FaultKind::PersonLies
        | FaultKind::PersonCannot
        | FaultKind::PersonAbsent
        | FaultKind::StartFails
        | FaultKind::LongPause => &[Before],
        FaultKind::FailsHalfway
        | FaultKind::Hangs
        | FaultKind::ConnectionDrops
        | FaultKind::FileInUse
        | FaultKind::StopFails => &[Amid],
        FaultKind::AnswerLost | FaultKind::PersonForgets => &[After],
        FaultKind::PowerLostReturns | FaultKind::PowerLostStays | FaultKind::CutOff => &[Before, Amid, After],
    }
}

fn why_empty(plan: &Plan, step: &Step, kind: FaultKind, moment: Moment, due: &BTreeSet<StepId>) -> Empty {
    if !due.contains(&step.id) {
        return Empty::NeverDue;
    }
    let person = asks_person(step);
    match kind {
        FaultKind::LongPause => return Empty::NoEvidence,
        FaultKind::PersonLies
        | FaultKind::PersonForgets
        | FaultKind::PersonCannot
        | FaultKind::PersonAbsent => {
            return if person { Empty::OnlyLooks } else { Empty::OtherActor };
        }
        FaultKind::NotSent | FaultKind::AnswerLost | FaultKind::ConnectionDrops if person => {
            return Empty::OtherActor;
        }
        _ => {}
    }
    if step.action.only_looks() {
        return if moment == Moment::Amid { Empty::NoMiddle } else { Empty::OnlyLooks };
    }
    match kind {
        FaultKind::FileInUse => Empty::NothingInstalled,
        FaultKind::StartFails | FaultKind::StopFails => Empty::NoGroupMoves,
        FaultKind::CutOff
            if !plan
                .snapshot
                .clusters
                .values()
                .any(|c| c.kind == kaketsugi_estate::ClusterKind::Pacemaker) =>
        {
            Empty::NoFencing
        }
        FaultKind::FailsBefore if person && translate::home(&step.action).is_none() => Empty::OtherActor,
        _ if moment == Moment::Amid => Empty::NoMiddle,
        _ => Empty::NoSuchMoment,
    }
}
