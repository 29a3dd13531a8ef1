//! What a claim rests on: a machine that was asked, an emulated one, or a person's word.

use std::collections::BTreeSet;

use kaketsugi_estate::ServerId;
use kaketsugi_plan::render::by_hand;
use kaketsugi_plan::{Action, Actor, Plan, Step};
use serde::{Deserialize, Serialize};

use crate::Machines;

/// What "done" rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum Basis {
    /// Machines were asked; they are real, or nobody said otherwise.
    Probe,
    /// Emulated machines were asked.
    Emulation,
    /// A person said so, and nothing else shows it.
    Word {
        /// Who; None: the journal names nobody.
        who: Option<String>,
    },
    /// A person did it, and machines were asked.
    PersonAndProbe,
    /// A person carried the questions to machines that no command reaches, and brought the answers back.
    Carried,
    /// A person did it there, and carried the questions and the answers, too.
    PersonAndCarried,
    /// A person did it, and emulated machines were asked.
    PersonAndEmulation,
}

impl Basis {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Probe => "seen by a probe".into(),
            Self::Emulation => "seen by a probe of an emulated machine".into(),
            Self::Word { who: Some(who) } => format!("attested by {who}"),
            Self::Word { who: None } => "attested by a person".into(),
            Self::PersonAndProbe => "done by a person, seen by a probe".into(),
            Self::Carried => "seen in answers that a person carried from the servers".into(),
            Self::PersonAndCarried => {
                "done by a person, seen in answers that a person carried from the servers".into()
            }
            Self::PersonAndEmulation => {
                "done by an emulated person, seen by a probe of an emulated machine".into()
            }
        }
    }
}

/// Servers on which the run takes no lock, because no command of it ever acts there.
pub(crate) fn without_lock(plan: &Plan, machines: Machines) -> BTreeSet<ServerId> {
    let theirs = plan.steps.iter().filter(|s| machines != Machines::Emulated && by_hand(plan, s));
    theirs.filter_map(|s| s.action.node()).cloned().collect()
}

pub(crate) fn basis(plan: &Plan, machines: Machines, step: &Step, attested_by: Option<String>) -> Basis {
    if matches!(step.action, Action::Attest { .. }) {
        return Basis::Word { who: attested_by };
    }
    if by_hand(plan, step) && machines != Machines::Emulated {
        return match step.actor {
            Actor::Machine => Basis::Carried,
            Actor::Operator => Basis::PersonAndCarried,
        };
    }
    match (step.actor, machines) {
        (Actor::Machine, Machines::Emulated) => Basis::Emulation,
        (Actor::Machine, _) => Basis::Probe,
        (Actor::Operator, Machines::Emulated) => Basis::PersonAndEmulation,
        (Actor::Operator, _) => Basis::PersonAndProbe,
    }
}
