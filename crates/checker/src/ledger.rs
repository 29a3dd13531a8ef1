//! What was explored, and which ends can be reached from where.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kaketsugi_estate::Snapshot;
use kaketsugi_plan::StepId;

use crate::coverage::{Cell, Ending};
use crate::{FaultKind, Moment};

pub(crate) type CellKey = (StepId, FaultKind, Moment);

/// A state's key.
pub(crate) type Key = u64;

/// What was explored, for the coverage table. Small for each transition: large clusters have millions of them.
#[derive(Default)]
pub(crate) struct Ledger {
    /// All transitions but those by which a fault is injected.
    pub(crate) edges: Vec<(Key, Edge, Key)>,
    pub(crate) endings: BTreeMap<Key, Ending>,
    /// Where a fault was injected, and where that leads.
    pub(crate) cells: BTreeMap<CellKey, BTreeSet<(Key, Key)>>,
    pub(crate) crashes: BTreeMap<StepId, BTreeSet<Key>>,
    pub(crate) dead_ends: BTreeMap<StepId, BTreeSet<String>>,
    /// What is there where a run has been restored, each once.
    pub(crate) left: BTreeMap<u64, Arc<Snapshot>>,
    /// What a fault would do to the estate as it was found.
    pub(crate) found_so: BTreeSet<String>,
}

/// How one state follows on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    Plain,
    Crash,
    Resume,
}

impl Ledger {
    /// The cells, with the ends that are reached from each.
    pub(crate) fn cells(&self) -> BTreeMap<CellKey, Cell> {
        let ways = Ways::of(self);
        let (plain, crashing) = (ways.ends(self, false), ways.ends(self, true));
        let mut cells: BTreeMap<CellKey, Cell> = BTreeMap::new();
        for (key, places) in &self.cells {
            let cell = cells.entry(key.clone()).or_default();
            cell.places = u32::try_from(places.len()).unwrap_or(u32::MAX);
            for next in places.iter().filter_map(|(_, next)| ways.number(*next)) {
                cell.ends.extend(plain[next].iter());
                cell.ends_with_crashes.extend(crashing[next].iter());
            }
        }
        for (step, places) in &self.crashes {
            let cell = cells.entry((step.clone(), FaultKind::None, Moment::Before)).or_default();
            cell.crashes = u32::try_from(places.len()).unwrap_or(u32::MAX);
        }
        cells
    }
}

/// Some of the endings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Ends(u8);

impl Ends {
    /// Says whether it was new.
    fn insert(&mut self, ending: Ending) -> bool {
        let before = self.0;
        self.0 |= 1 << ending as u8;
        self.0 != before
    }

    fn iter(self) -> impl Iterator<Item = Ending> {
        Ending::ALL.into_iter().filter(move |e| self.0 & (1 << *e as u8) != 0)
    }
}

/// The states by number, and the transitions into each.
struct Ways {
    /// In order: a state's place is its number.
    states: Vec<Key>,
    /// Ordered by the state they lead to.
    into: Vec<(u32, Edge)>,
    /// Where the transitions into a state begin; one more than there are states.
    begins: Vec<usize>,
}

impl Ways {
    fn of(ledger: &Ledger) -> Self {
        let mut states: Vec<Key> = ledger.edges.iter().flat_map(|(from, _, to)| [*from, *to]).collect();
        states.extend(ledger.endings.keys());
        states.sort_unstable();
        states.dedup();
        let mut ways = Self { begins: vec![0; states.len() + 1], states, into: Vec::new() };
        let mut edges: Vec<(u32, u32, Edge)> = Vec::with_capacity(ledger.edges.len());
        for (from, edge, to) in &ledger.edges {
            if let (Some(from), Some(to)) = (ways.number(*from), ways.number(*to)) {
                ways.begins[to + 1] += 1;
                edges.push((number(to), number(from), *edge));
            }
        }
        for state in 0..ways.states.len() {
            ways.begins[state + 1] += ways.begins[state];
        }
        edges.sort_unstable_by_key(|(to, from, _)| (*to, *from));
        ways.into = edges.into_iter().map(|(_, from, edge)| (from, edge)).collect();
        ways
    }

    fn number(&self, key: Key) -> Option<usize> {
        self.states.binary_search(&key).ok()
    }

    /// The ends that can be reached from each state without another fault.
    fn ends(&self, ledger: &Ledger, with_crashes: bool) -> Vec<Ends> {
        let mut ends = vec![Ends::default(); self.states.len()];
        let endings = ledger.endings.iter();
        let mut todo: Vec<(usize, Ending)> =
            endings.filter_map(|(key, ending)| Some((self.number(*key)?, *ending))).collect();
        while let Some((state, ending)) = todo.pop() {
            if !ends[state].insert(ending) {
                continue;
            }
            for (from, edge) in &self.into[self.begins[state]..self.begins[state + 1]] {
                let resumed = *edge == Edge::Resume && ending == Ending::Finished;
                if with_crashes || *edge != Edge::Crash {
                    todo.push((*from as usize, if resumed { Ending::FinishedAfterResume } else { ending }));
                }
            }
        }
        ends
    }
}

/// A state's number in half the room. There are never more: they would not fit into memory.
fn number(state: usize) -> u32 {
    u32::try_from(state).unwrap_or(u32::MAX)
}
