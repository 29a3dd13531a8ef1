//! What the lint says, and the list of what it asks.

use kaketsugi_estate::Product;
use kaketsugi_plan::{Plan, Step, StepId};
use serde::Serialize;

use crate::checks::ALL;
use crate::walk::Walk;

/// Something that speaks against carrying out a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Objection {
    /// Which check found it, such as `install-on-carrier`.
    pub code: &'static str,
    /// The rule or source that asks for it; none: what a plan is by its own definition asks for it.
    pub rule: Option<&'static str>,
    /// The step it is about; none: the plan as a whole.
    pub step: Option<StepId>,
    /// Where and why.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
}

impl std::fmt::Display for Objection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.code)?;
        if let Some(step) = &self.step {
            write!(f, "step {step}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(rule) = self.rule {
            write!(f, " [{rule}]")?;
        }
        write!(f, " ({})", self.hint)
    }
}

/// One thing that is asked of every plan.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its name, frozen: scripts may rely on it.
    pub code: &'static str,
    /// What it asks, in a sentence.
    pub asks: &'static str,
    /// What to do when it objects.
    pub hint: &'static str,
    pub(crate) rule: Cite,
    pub(crate) find: fn(&Walk<'_>) -> Vec<Found>,
}

impl Check {
    pub(crate) fn judge(&self, walk: &Walk<'_>) -> Vec<Objection> {
        (self.find)(walk).into_iter().map(|found| self.object(walk.plan, found)).collect()
    }

    pub(crate) fn object(&self, plan: &Plan, found: Found) -> Objection {
        Objection {
            code: self.code,
            rule: found.rule.or_else(|| self.rule.of(plan.payload.product)),
            step: found.step,
            message: found.message,
            hint: self.hint,
        }
    }

    /// The rules and sources that ask for it, over all products.
    pub fn rules(&self) -> impl Iterator<Item = &'static str> {
        let of_2003 = self.rule.exchange_2003;
        let of_2000 = self.rule.of(Product::Exchange2000).filter(|id| Some(*id) != of_2003);
        let of_55 =
            self.rule.of(Product::Exchange55).filter(|id| Some(*id) != of_2003 && Some(*id) != of_2000);
        [of_2003, of_2000, of_55, self.rule.debian].into_iter().flatten()
    }
}

/// The rule that a check cites, by product.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cite {
    pub(crate) exchange_2003: Option<&'static str>,
    /// Where it isn't the row that says the same as that of 2003.
    pub(crate) exchange_2000: Option<&'static str>,
    pub(crate) exchange_55: Option<&'static str>,
    pub(crate) debian: Option<&'static str>,
}

impl Cite {
    /// What a plan is by its own definition.
    pub(crate) const NONE: Self =
        Self { exchange_2003: None, exchange_2000: None, exchange_55: None, debian: None };

    pub(crate) const fn exchange(id: &'static str) -> Self {
        Self { exchange_2003: Some(id), ..Self::NONE }
    }

    /// Of Exchange 2000 alone, or instead of the row that says the same as that of 2003.
    pub(crate) const fn and_2000(self, id: &'static str) -> Self {
        Self { exchange_2000: Some(id), ..self }
    }

    /// Of Exchange 5.5 alone, or instead of the row that says the same as that of 2003.
    pub(crate) const fn and_55(self, id: &'static str) -> Self {
        Self { exchange_55: Some(id), ..self }
    }

    pub(crate) const fn debian(id: &'static str) -> Self {
        Self { debian: Some(id), ..Self::NONE }
    }

    pub(crate) const fn both(exchange: &'static str, debian: &'static str) -> Self {
        Self { exchange_2003: Some(exchange), debian: Some(debian), ..Self::NONE }
    }

    /// The rule for a product. None: none asks for it there.
    pub(crate) fn of(self, product: Product) -> Option<&'static str> {
        match product {
            Product::Exchange2003 => self.exchange_2003,
            Product::Exchange2000 => self.exchange_2000.or_else(|| self.exchange_2003.and_then(for_2000)),
            // Where 2000 has a rule of its own, 2003's doesn't hold for 5.5 either.
            Product::Exchange55 => {
                let inherited = self.exchange_2003.filter(|_| self.exchange_2000.is_none());
                self.exchange_55.or_else(|| inherited.and_then(for_55))
            }
            Product::Debian => self.debian,
        }
    }
}

/// What a check found, before it is given the check's code and hint.
#[derive(Debug)]
pub(crate) struct Found {
    step: Option<StepId>,
    rule: Option<&'static str>,
    message: String,
}

impl Found {
    /// About one step.
    pub(crate) fn at(step: &Step, message: impl Into<String>) -> Self {
        Self { step: Some(step.id.clone()), rule: None, message: message.into() }
    }

    /// About the plan as a whole.
    pub(crate) fn plan(message: impl Into<String>) -> Self {
        Self { step: None, rule: None, message: message.into() }
    }

    /// Cites another rule than the check's own.
    pub(crate) fn cite(mut self, rule: Option<&'static str>) -> Self {
        self.rule = rule;
        self
    }
}

/// All checks, by topic.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    ALL.iter().copied().flatten()
}

/// The row of the register that says the same of Exchange 2000 as this one says of 2003. None: there is none.
pub(crate) fn for_2000(rule: &'static str) -> Option<&'static str> {
    Some(match rule {
        "E03-BACKUP" => "E00-BACKUP",
        "E03-BACKUP-AFTER" => "E00-BACKUP-AFTER",
        "E03-RELEASE-NOTES" => "E00-RELEASE-NOTES",
        "E03-ADC" => "E00-ADC",
        "E03-ADC-MAPS" => "E00-ADC-MAPS",
        "E03-FE-FIRST" => "E00-FE-FIRST",
        "E03-CLU-02-EMPTY" | "E03-CLU-03-STOP" => "ALL-CLU-STOP",
        "E03-CLU-05-REBOOT" => "ALL-CLU-NO-REBOOT",
        "E03-CLU-11-PINNED" => "E00-AP-STORE-UPGRADE",
        "E03-CLU-15-VERSION" => "E00-VERSION",
        "E03-CLU-ONE-NODE" | "E03-CLU-MOVE-EVS" | "E03-CLU-12-OTHER-NODE" | "E03-CLU-13-REPEAT" => {
            "E00-AP-PASSIVE-FIRST"
        }
        rule if rule.starts_with("E03-") => return None,
        rule => rule,
    })
}

/// The row that says the same of Exchange 5.5. None: there is none.
pub(crate) fn for_55(rule: &'static str) -> Option<&'static str> {
    Some(match rule {
        "E03-BACKUP" => "E55-BACKUP",
        "E03-BACKUP-AFTER" => "E55-BACKUP-AFTER",
        "E03-RELEASE-NOTES" => "E55-RELEASE-NOTES",
        "E03-CLU-02-EMPTY" | "E03-CLU-03-STOP" => "ALL-CLU-STOP",
        "E03-CLU-05-REBOOT" => "ALL-CLU-NO-REBOOT",
        "E03-CLU-ONE-NODE"
        | "E03-CLU-MOVE-EVS"
        | "E03-CLU-11-PINNED"
        | "E03-CLU-12-OTHER-NODE"
        | "E03-CLU-13-REPEAT" => "E55-CLU-ACTIVE-FIRST",
        rule if rule.starts_with("E03-") => return None,
        rule => rule,
    })
}
