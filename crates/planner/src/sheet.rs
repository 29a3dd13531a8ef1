//! The sheet that steps are written on: gives them their ids and puts each after the one before.

use std::collections::BTreeMap;

use kaketsugi_plan::{Action, Actor, Condition, Exposure, Interruption, Recovery, Step, StepId, Target};

/// People are slow, and nobody is hurried: a step waits for half a day.
pub(crate) const PERSON_SECONDS: u32 = 12 * 3600;

/// Steps in the making.
pub(crate) struct Sheet {
    steps: Vec<Step>,
    ordinals: BTreeMap<String, u32>,
}

/// A step in the making: all that has a sensible default has it.
pub(crate) struct Draft {
    step: Step,
}

impl Sheet {
    pub(crate) fn new() -> Self {
        Self { steps: Vec::new(), ordinals: BTreeMap::new() }
    }

    /// Writes a step down, after the one before.
    pub(crate) fn write(&mut self, draft: Draft) -> StepId {
        let mut step = draft.step;
        let name =
            step.cites.first().filter(|c| c.starts_with('E')).map_or(step.action.name(), String::as_str);
        let target = match step.action.target() {
            Target::Estate => match &step.action {
                Action::Attest { evidence } => format!("{evidence:?}"),
                _ => "estate".to_owned(),
            },
            Target::Node(node) => node.to_string(),
            Target::Group(_, group) => group.to_string(),
            Target::Cluster(cluster) => format!("cluster {cluster}"),
        };
        let stem = format!("{name}/{target}");
        let ordinal = self.ordinals.entry(stem.clone()).or_default();
        *ordinal += 1;
        step.id = StepId::new(format!("{stem}/{ordinal}"));
        step.after = self.steps.last().map(|s| s.id.clone()).into_iter().collect();
        let id = step.id.clone();
        self.steps.push(step);
        id
    }

    pub(crate) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

impl Draft {
    /// A machine step that does no harm twice.
    pub(crate) fn new(action: Action, title: impl Into<String>) -> Self {
        Self {
            step: Step {
                id: StepId::new(""),
                action,
                actor: Actor::Machine,
                title: title.into(),
                instruction: None,
                after: Vec::new(),
                when: None,
                requires: Vec::new(),
                expects: Vec::new(),
                cites: Vec::new(),
                interrupts: Vec::new(),
                exposes: Vec::new(),
                recovery: Recovery::Redo,
                point_of_no_return: false,
                unreachable: Vec::new(),
                expected_seconds: 5,
                timeout_seconds: 300,
            },
        }
    }

    pub(crate) fn by_person(mut self, instruction: impl Into<String>) -> Self {
        self.step.actor = Actor::Operator;
        self.step.instruction = Some(instruction.into());
        self.step.timeout_seconds = PERSON_SECONDS;
        self
    }

    pub(crate) fn when(mut self, condition: Condition) -> Self {
        self.step.when = Some(condition);
        self
    }

    pub(crate) fn requires(mut self, conditions: impl IntoIterator<Item = Condition>) -> Self {
        self.step.requires.extend(conditions);
        self
    }

    pub(crate) fn expects(mut self, conditions: impl IntoIterator<Item = Condition>) -> Self {
        self.step.expects.extend(conditions);
        self
    }

    pub(crate) fn cites(mut self, ids: &[&str]) -> Self {
        self.step.cites.extend(ids.iter().map(|&id| id.to_owned()));
        self
    }

    pub(crate) fn interrupts(mut self, interruptions: impl IntoIterator<Item = Interruption>) -> Self {
        self.step.interrupts.extend(interruptions);
        self
    }

    pub(crate) fn exposes(mut self, exposures: impl IntoIterator<Item = Exposure>) -> Self {
        for exposure in exposures {
            if let Some(known) = self.step.exposes.iter_mut().find(|e| e.node == exposure.node) {
                for group in exposure.groups {
                    if !known.groups.contains(&group) {
                        known.groups.push(group);
                    }
                }
                known.groups.sort();
            } else {
                self.step.exposes.push(exposure);
            }
        }
        self.step.exposes.sort();
        self
    }

    pub(crate) fn recovery(mut self, recovery: Recovery) -> Self {
        self.step.recovery = recovery;
        self
    }

    pub(crate) fn point_of_no_return(mut self, is: bool) -> Self {
        self.step.point_of_no_return = is;
        self
    }

    pub(crate) fn unreachable(mut self, node: &kaketsugi_estate::ServerId) -> Self {
        self.step.unreachable.push(node.clone());
        self
    }

    /// Usual and longest time, in seconds.
    pub(crate) fn takes(mut self, expected_seconds: u32, timeout_seconds: u32) -> Self {
        self.step.expected_seconds = expected_seconds;
        if self.step.actor == Actor::Machine {
            self.step.timeout_seconds = timeout_seconds;
        }
        self
    }
}
