//! Symptom, cause, remedy; `data/diagnoses.toml`. How logs are searched: [`crate::diagnose`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Certainty, Source, embedded, sources};

/// A known trouble: how it shows, why it happens, what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Diagnosis {
    /// Its id, and the name of its page: `package-script-failed`.
    pub id: String,
    /// What is wrong, in a line; may hold placeholders for captures.
    pub title: String,
    /// Where it occurs.
    pub platform: Platform,
    /// Rules of the register that speak of it.
    #[serde(default)]
    pub rules: Vec<String>,
    #[serde(rename = "references")]
    reference_ids: Vec<String>,
    /// How certain it is that the symptom means this.
    pub certainty: Certainty,
    /// How it shows; any of them.
    #[serde(rename = "symptom")]
    pub symptoms: Vec<Symptom>,
    /// Why it happens, with the remedy for each cause; likelier ones first.
    #[serde(rename = "cause")]
    pub causes: Vec<Cause>,
}

impl Diagnosis {
    /// The sources to show with it.
    pub fn references(&self) -> impl Iterator<Item = &'static Source> {
        self.reference_ids.iter().filter_map(|id| sources().get(id))
    }
}

/// Where a trouble occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// Exchange Server.
    Exchange,
    /// Windows and its installers.
    Windows,
    /// Debian packages.
    Debian,
    /// Pacemaker clusters.
    Pacemaker,
}

/// How a trouble shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "kind")]
pub enum Symptom {
    /// This text stands in a line, in this case.
    Text {
        /// The text.
        text: String,
    },
    /// This regular expression matches a line; its named groups become captures.
    Pattern {
        /// The expression.
        regex: String,
        /// Matches one of the lines just before; its named groups are added. It isn't required to match.
        before: Option<String>,
    },
    /// This error code stands in a line.
    Code {
        /// Hexadecimal digits in lower case, without `0x`.
        code: String,
    },
    /// An event of a Windows event log.
    Event {
        /// Its source.
        source: String,
        /// Its number.
        id: u32,
    },
    /// An installer ended with this code.
    ExitCode {
        /// The code.
        code: i32,
    },
    /// Seen in the estate, not in a log.
    Seen {
        /// What is seen.
        what: String,
    },
}

/// Why a trouble happens, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cause {
    /// What tells this cause from the others. None: it is the one to take first.
    pub when: Option<String>,
    /// The cause; may hold placeholders for captures.
    pub text: String,
    /// What to do; may hold placeholders for captures.
    pub remedy: String,
    /// Who does it.
    pub by: Remedy,
}

/// Who carries out a remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// This tool, as part of the run.
    Tool,
    /// This tool, after a person said so.
    ToolOnRequest,
    /// A person.
    Person,
}

/// All diagnoses.
#[derive(Debug)]
pub struct Diagnoses {
    diagnoses: Vec<Diagnosis>,
    by_id: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    diagnosis: Vec<Diagnosis>,
}

static DIAGNOSES: LazyLock<Diagnoses> = LazyLock::new(|| {
    let file: File = embedded::parse("diagnoses.toml", include_str!("../data/diagnoses.toml"));
    let by_id = file.diagnosis.iter().enumerate().map(|(index, one)| (one.id.clone(), index)).collect();
    Diagnoses { diagnoses: file.diagnosis, by_id }
});

/// All diagnoses.
#[must_use]
pub fn diagnoses() -> &'static Diagnoses {
    &DIAGNOSES
}

impl Diagnoses {
    /// The diagnosis with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Diagnosis> {
        self.by_id.get(id).map(|index| &self.diagnoses[*index])
    }

    /// All diagnoses, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnosis> {
        self.diagnoses.iter()
    }

    /// What an installer's exit code means as a trouble. None: nothing is known of it.
    #[must_use]
    pub fn for_exit_code(&self, code: i32) -> Option<&Diagnosis> {
        self.iter().find(|one| one.symptoms.contains(&Symptom::ExitCode { code }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Kind, rules};

    #[test]
    fn every_diagnosis_is_consistent() {
        assert_eq!(diagnoses().by_id.len(), diagnoses().diagnoses.len(), "an id is there twice");
        for one in diagnoses().iter() {
            let id = &one.id;
            assert!(!one.symptoms.is_empty() && !one.causes.is_empty(), "{id}");
            assert_eq!(one.references().count(), one.reference_ids.len(), "{id}: a reference leads nowhere");
            for rule in &one.rules {
                assert!(rules().get(rule).is_some(), "{id}: {rule}");
            }
            let without_when = one.causes.iter().filter(|cause| cause.when.is_none()).count();
            assert!(without_when <= 1, "{id}: nothing tells its causes apart");
            for symptom in &one.symptoms {
                if let Symptom::Code { code } = symptom {
                    assert!(
                        code.len() == 8 && code.bytes().all(|byte| b"0123456789abcdef".contains(&byte)),
                        "{id}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_diagnosis_row_of_the_register_is_one() {
        let covered: BTreeSet<&str> =
            diagnoses().iter().flat_map(|one| one.rules.iter().map(String::as_str)).collect();
        for rule in rules().iter().filter(|rule| rule.kind == Kind::Diag) {
            assert!(covered.contains(rule.id.as_str()), "{}", rule.id);
        }
    }

    #[test]
    fn exit_codes_lead_to_diagnoses() {
        let id = |code| diagnoses().for_exit_code(code).map(|one| one.id.as_str());
        assert_eq!(id(3010), Some("installer-asks-for-restart"));
        assert_eq!(id(1641), Some("installer-began-restart"));
        assert_eq!(id(1603), Some("installer-failed"));
        assert_eq!(id(1618), Some("other-installer-running"));
        assert_eq!(id(0), None);
    }
}
