//! The words that stand for values in an estate file, and what is said of one that isn't among them.

use super::Code;
use crate::{ClusterKind, Environment, EvidenceKind, Home, Os, Product, RestartPolicy, Role, TransportKind};

/// The words that a key takes.
pub(super) struct Words<T: 'static> {
    /// What one of them is.
    pub what: &'static str,
    /// The mistake that another word is.
    pub code: Code,
    /// The words.
    pub known: &'static [(&'static str, T)],
}

pub(super) const PRODUCTS: Words<Product> = Words {
    what: "product",
    code: Code::UnknownProduct,
    known: &[
        ("exchange-2003", Product::Exchange2003),
        ("exchange-2000", Product::Exchange2000),
        ("exchange-5.5", Product::Exchange55),
        ("debian", Product::Debian),
    ],
};

pub(super) const SYSTEMS: Words<Os> = Words {
    what: "operating system",
    code: Code::UnknownOs,
    known: &[
        ("debian", Os::Debian),
        ("windows-nt4", Os::WindowsNt4),
        ("windows-2000", Os::Windows2000),
        ("windows-2003", Os::Windows2003),
    ],
};

pub(super) const TRANSPORTS: Words<TransportKind> = Words {
    what: "transport",
    code: Code::UnknownTransport,
    known: &[
        ("ssh", TransportKind::Ssh),
        ("local", TransportKind::Local),
        ("operator", TransportKind::Operator),
    ],
};

pub(super) const ROLES: Words<Role> = Words {
    what: "role",
    code: Code::UnknownRole,
    known: &[
        ("node", Role::Node),
        ("mailbox", Role::Mailbox),
        ("front-end", Role::FrontEnd),
        ("small-business-server", Role::SmallBusinessServer),
        ("standard-edition", Role::StandardEdition),
    ],
};

pub(super) const CLUSTER_KINDS: Words<ClusterKind> = Words {
    what: "kind of cluster",
    code: Code::UnknownClusterKind,
    known: &[("pacemaker", ClusterKind::Pacemaker), ("windows", ClusterKind::Windows)],
};

pub(super) const EVIDENCE: Words<EvidenceKind> = Words {
    what: "kind of evidence",
    code: Code::UnknownEvidence,
    known: &[
        ("full-backup", EvidenceKind::FullBackup),
        ("release-notes-read", EvidenceKind::ReleaseNotesRead),
        ("tried-in-test", EvidenceKind::TriedInTest),
        ("protection-off", EvidenceKind::ProtectionOff),
        ("backup-after", EvidenceKind::BackupAfter),
        ("connector-maps-saved", EvidenceKind::ConnectorMapsSaved),
        ("connector-upgraded", EvidenceKind::ConnectorUpgraded),
        ("extras-updated", EvidenceKind::ExtrasUpdated),
    ],
};

pub(super) const ENVIRONMENTS: Words<Environment> = Words {
    what: "environment",
    code: Code::UnknownPolicy,
    known: &[("production", Environment::Production), ("test", Environment::Test)],
};

pub(super) const RESTARTS: Words<RestartPolicy> = Words {
    what: "restart policy",
    code: Code::UnknownPolicy,
    known: &[
        ("if-asked", RestartPolicy::IfAsked),
        ("always", RestartPolicy::Always),
        ("never", RestartPolicy::Never),
    ],
};

pub(super) const HOMES: Words<Home> = Words {
    what: "home for groups",
    code: Code::UnknownPolicy,
    known: &[("stay", Home::Stay), ("preferred", Home::Preferred), ("return", Home::Return)],
};

/// Every word of `T` that is used for a value.
pub(super) fn word<T: PartialEq>(words: &Words<T>, value: &T) -> &'static str {
    words.known.iter().find(|(_, v)| v == value).map_or("", |(word, _)| *word)
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Serialize;

    use super::*;

    /// The words of the file are those of plans and snapshots, and none is left out.
    fn same_as_serde<T: Serialize + JsonSchema>(words: &Words<T>) {
        same_as::<T, T>(words);
    }

    /// The same, where the file's form has a type of its own.
    fn same_as<T: Serialize, F: JsonSchema>(words: &Words<T>) {
        let schema = schemars::schema_for!(F).to_value();
        let listed = match schema.get("oneOf") {
            Some(variants) => variants.as_array().unwrap().iter().map(|v| v["const"].clone()).collect(),
            None => schema["enum"].as_array().unwrap().clone(),
        };
        let ours: Vec<_> = words.known.iter().map(|(word, _)| serde_json::Value::from(*word)).collect();
        assert_eq!(ours, listed, "{}", words.what);
        for (word, value) in words.known {
            assert_eq!(serde_json::to_value(value).unwrap(), *word);
        }
    }

    #[test]
    fn words_are_those_of_the_types() {
        same_as_serde(&PRODUCTS);
        same_as_serde(&SYSTEMS);
        same_as_serde(&TRANSPORTS);
        same_as_serde(&ROLES);
        same_as::<ClusterKind, super::super::form::ClusterSoftware>(&CLUSTER_KINDS);
        same_as_serde(&EVIDENCE);
        same_as_serde(&ENVIRONMENTS);
        same_as_serde(&RESTARTS);
        same_as_serde(&HOMES);
    }
}
