//! Typed ids: a server is never taken for a group, whatever both are called.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name that can't be an id: empty, too long, or with control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` can't be a name here: {why}")]
pub struct InvalidId {
    /// What was written.
    pub name: String,
    /// Why it was refused.
    pub why: &'static str,
}

fn check(name: &str) -> Result<(), InvalidId> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.len() > 128 {
        "it is longer than 128 bytes"
    } else if name.chars().any(char::is_control) {
        "it holds a control character"
    } else if name.trim() != name {
        "it begins or ends with a blank"
    } else {
        return Ok(());
    };
    Err(InvalidId { name: name.to_owned(), why })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String", extend("minLength" = 1, "maxLength" = 128))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a name as it is written.
            ///
            /// # Errors
            /// Names that are empty, longer than 128 bytes, padded with blanks or that hold control characters.
            pub fn new(name: impl Into<String>) -> Result<Self, InvalidId> {
                let name = name.into();
                check(&name)?;
                Ok(Self(name.into()))
            }

            /// The name as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(name: String) -> Result<Self, InvalidId> {
                Self::new(name)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(name: &str) -> Result<Self, InvalidId> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// A server of the estate; where it is a member of a cluster, the field calls it a node.
    ServerId
);
id!(
    /// A cluster.
    ClusterId
);
id!(
    /// A pool of load-balanced servers.
    PoolId
);
id!(
    /// A clustered role: what moves between nodes as a whole. An Exchange virtual server (EVS) is one.
    GroupId
);
id!(
    /// A resource inside a group.
    ResourceId
);
id!(
    /// A release: service pack, hotfix, update rollup, cumulative or security update, or a frozen list of packages.
    ReleaseId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_break_a_command_line_or_a_report_are_refused() {
        for bad in ["", " n1", "n1 ", "a\nb", "a\u{1b}[2J", &"x".repeat(129)] {
            assert!(ServerId::new(bad).is_err(), "{bad:?}");
        }
        for good in ["n1", "Cluster Group", "仮想サーバー1", &"x".repeat(128)] {
            assert_eq!(ServerId::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn an_id_from_json_is_checked_too() {
        assert!(serde_json::from_str::<GroupId>("\"\"").is_err());
        assert_eq!(serde_json::to_string(&GroupId::new("EVS1").unwrap()).unwrap(), "\"EVS1\"");
    }
}
