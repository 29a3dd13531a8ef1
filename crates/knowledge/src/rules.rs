//! The rule register: what KB 328839 asks, row by row; `data/rules.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Release, Source, embedded, sources};

/// A row of the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// Its id, cited by steps and findings: `E03-CLU-03-STOP`.
    pub id: String,
    /// How it is in force.
    pub kind: Kind,
    /// How strongly the article asks for it. For a given release see [`Rule::force_for`].
    pub force: Force,
    /// What kind of release the article says it of.
    pub scope: Scope,
    /// How we read a row about service packs for hotfixes. None: it isn't asked of them.
    pub hotfix: Option<HotfixReading>,
    /// `all`, `exchange-2003`, `exchange-2000` or `exchange-5.5`.
    pub product: String,
    /// The article's section: `notes`, `stand-alone`, `front-end-back-end`, `cluster`, `active-passive`,
    /// `active-active`, `small-business-server`, `troubleshooting`, `summary`, `properties`.
    pub section: String,
    /// Numbers of the article's own steps in that section.
    #[serde(default)]
    pub steps: Vec<u32>,
    /// Ids of the sources it names; see [`Rule::references`].
    #[serde(default, rename = "references")]
    pub reference_ids: Vec<String>,
    /// Where it acts: `step ACTION` of plans that cite it, `finding CODE` for which no plan is made, `lint CODE`,
    /// `diagnosis ID`, `command NAME`. Empty: nowhere yet.
    #[serde(default)]
    pub in_force: Vec<String>,
    /// Tests that fail without it, as `FILE::NAME`.
    #[serde(default)]
    pub tests: Vec<String>,
    /// What it asks, in our own words.
    pub text: String,
    /// The same in Japanese, where it has been written.
    pub ja: Option<String>,
}

impl Rule {
    /// The sources it names, with titles.
    pub fn references(&self) -> impl Iterator<Item = &'static Source> {
        self.reference_ids.iter().filter_map(|id| sources().get(id))
    }

    /// Whether the row is said of this product (`exchange-2003`).
    #[must_use]
    pub fn holds_for(&self, product: &str) -> bool {
        self.product == "all" || self.product == product
    }

    /// How strongly it is asked for this release. None: it isn't, for another product or another kind of release.
    #[must_use]
    pub fn force_for(&self, release: &Release) -> Option<Force> {
        if !self.holds_for(&release.product) {
            return None;
        }
        match (self.scope, release.kind.is_service_pack()) {
            (Scope::Both, _) | (Scope::Sp, true) | (Scope::Hotfix, false) => Some(self.force),
            (Scope::Hotfix, true) => None,
            (Scope::Sp, false) => match self.hotfix? {
                HotfixReading::StoreRequired if release.changes_store => Some(self.force),
                HotfixReading::StoreRequired | HotfixReading::Recommended => Some(Force::Recommended),
                HotfixReading::GroupUpgrade => release.group_upgrade.is.then_some(self.force),
            },
        }
    }
}

/// How a rule is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Must hold before a step.
    Pre,
    /// A step.
    Act,
    /// Before, after or together.
    Order,
    /// Must hold or be done afterwards.
    Post,
    /// A check of the result.
    Verify,
    /// Symptom, cause, remedy.
    Diag,
    /// Shown, not enforced.
    Info,
}

/// How strongly a rule is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Force {
    /// The default; a named person can waive it with a reason.
    Recommended,
    /// Can't be waived.
    Required,
}

/// What kind of release a rule is said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Service packs alone.
    Sp,
    /// Hotfixes alone.
    Hotfix,
    /// Both.
    Both,
}

/// How we read a row about service packs for hotfixes, where the article is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HotfixReading {
    /// As strong as for a service pack when the hotfix changes the store, else recommended.
    StoreRequired,
    /// Recommended.
    Recommended,
    /// As strong as for a service pack when the hotfix needs the virtual-server upgrade, else not asked.
    GroupUpgrade,
}

/// The register.
#[derive(Debug)]
pub struct Register {
    rules: Vec<Rule>,
    by_id: BTreeMap<String, usize>,
    revision: String,
    modified: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    document: Document,
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    source: String,
    revision: String,
    modified: String,
}

static REGISTER: LazyLock<Register> = LazyLock::new(|| {
    let File { document, rule: rules } = embedded::parse("rules.toml", include_str!("../data/rules.toml"));
    debug_assert!(sources().get(&document.source).is_some());
    let by_id = rules.iter().enumerate().map(|(index, rule)| (rule.id.clone(), index)).collect();
    Register { rules, by_id, revision: document.revision, modified: document.modified }
});

/// The rule register.
#[must_use]
pub fn rules() -> &'static Register {
    &REGISTER
}

impl Register {
    /// The row with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.by_id.get(id).map(|index| &self.rules[*index])
    }

    /// All rows, in the article's order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// The rows that are asked for this release, with their force, in the article's order.
    pub fn for_release<'a>(&'a self, release: &'a Release) -> impl Iterator<Item = (&'a Rule, Force)> {
        self.iter().filter_map(|rule| Some((rule, rule.force_for(release)?)))
    }

    /// Revision of the article that the register was made from.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Day on which that revision was made, as ISO 8601.
    #[must_use]
    pub fn modified(&self) -> &str {
        &self.modified
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
