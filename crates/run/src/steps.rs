//! How far the steps of a run are, by their place in the plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use kaketsugi_plan::{Plan, Step, StepId};

use crate::StepState;
use crate::restore::opens;

/// How far each step is. Cheap to clone: what doesn't change is shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Steps {
    order: Arc<Order>,
    /// By place; None: it has not begun.
    states: Arc<Vec<Option<Arc<StepState>>>>,
}

/// What never changes while a plan is carried out.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Order {
    places: BTreeMap<StepId, usize>,
    /// For each step that puts something back, the steps that change it.
    opened_by: Vec<Vec<usize>>,
}

impl Steps {
    pub(crate) fn new(plan: &Plan) -> Self {
        let opened_by = |closing: &Step| places(plan, |_, s| opens(&s.action, &closing.action));
        let order = Order {
            places: plan.steps.iter().enumerate().map(|(place, s)| (s.id.clone(), place)).collect(),
            opened_by: plan.steps.iter().map(opened_by).collect(),
        };
        Self { order: Arc::new(order), states: Arc::new(vec![None; plan.steps.len()]) }
    }

    /// A step's place in the plan.
    pub(crate) fn place(&self, id: &StepId) -> Option<usize> {
        self.order.places.get(id).copied()
    }

    pub(crate) fn at(&self, place: usize) -> Option<&StepState> {
        self.states.get(place)?.as_deref()
    }

    pub(crate) fn get(&self, id: &StepId) -> Option<&StepState> {
        self.at(self.place(id)?)
    }

    /// A step's state, to be changed. None: the plan has no such step.
    pub(crate) fn change(&mut self, id: &StepId) -> Option<&mut StepState> {
        let state = Arc::make_mut(&mut self.states).get_mut(*self.order.places.get(id)?)?;
        Some(Arc::make_mut(state.get_or_insert_default()))
    }

    /// Steps that have begun, or were found done, with their places.
    pub(crate) fn known(&self) -> impl Iterator<Item = (usize, &StepState)> {
        self.states.iter().enumerate().filter_map(|(place, state)| Some((place, state.as_deref()?)))
    }

    /// The places of the steps that change what the step at this place puts back.
    pub(crate) fn opened_by(&self, place: usize) -> &[usize] {
        self.order.opened_by.get(place).map_or(&[], Vec::as_slice)
    }
}

/// The places of the steps that are so.
pub(crate) fn places(plan: &Plan, is: impl Fn(usize, &Step) -> bool) -> Vec<usize> {
    plan.steps.iter().enumerate().filter(|(place, s)| is(*place, s)).map(|(place, _)| place).collect()
}
