//! How certain a fact is.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How certain a fact is. Ordered: the weakest is the smallest, so `min` gives the certainty of facts taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// A guess that nothing public confirms.
    Unsure,
    /// Own knowledge: believed, no public source found.
    Own,
    /// Read in the source that is named with it.
    Verified,
}

impl Certainty {
    /// Whether a machine may act on it without policy saying so (`allow-unverified-commands`).
    #[must_use]
    pub fn is_verified(self) -> bool {
        self == Self::Verified
    }

    /// The word used in data files and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsure => "unsure",
            Self::Own => "own",
            Self::Verified => "verified",
        }
    }
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A mark of certainty that isn't one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no mark of certainty; write verified, own or unsure, with parts joined by `/` or `+`")]
pub struct ParseCertaintyError(String);

impl FromStr for Certainty {
    type Err = ParseCertaintyError;

    /// Reads a mark such as `verified`, `verified(2 src)` or `verified(first)/own`: the weakest part counts.
    fn from_str(text: &str) -> Result<Self, ParseCertaintyError> {
        let mut weakest = Self::Verified;
        for part in text.split(['/', '+']) {
            let word = part.split('(').next().unwrap_or(part).trim();
            let mark = match word {
                "verified" => Self::Verified,
                "own" => Self::Own,
                "unsure" => Self::Unsure,
                _ => return Err(ParseCertaintyError(text.to_owned())),
            };
            weakest = weakest.min(mark);
        }
        Ok(weakest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weakest_part_counts() {
        let read = |text: &str| text.parse::<Certainty>().unwrap();
        assert_eq!(read("verified"), Certainty::Verified);
        assert_eq!(read("verified(3 src)"), Certainty::Verified);
        assert_eq!(read("verified(first)/own"), Certainty::Own);
        assert_eq!(read("verified(build3)+own(revision)"), Certainty::Own);
        assert_eq!(read("own/unsure"), Certainty::Unsure);
        assert!("certain".parse::<Certainty>().is_err());
        assert!("".parse::<Certainty>().is_err());
    }
}
