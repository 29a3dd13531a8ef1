//! Build numbers, as files and as the directory write them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A build number: four parts, compared part by part.
///
/// Read from `6.5.7638.2` or from the directory's text, `Version 6.5 (Build 7638.2: Service Pack 2)`; written as
/// the former. The directory's text also names the service pack: [`VersionText`] keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Build([u32; 4]);

impl Build {
    /// A build of four parts.
    #[must_use]
    pub const fn new(major: u32, minor: u32, build: u32, revision: u32) -> Self {
        Self([major, minor, build, revision])
    }

    /// First part: 6 in `6.5.7638.2`.
    #[must_use]
    pub const fn major(self) -> u32 {
        self.0[0]
    }

    /// Second part: 5 in `6.5.7638.2`.
    #[must_use]
    pub const fn minor(self) -> u32 {
        self.0[1]
    }

    /// Third part, the registry's `ServicePackBuild`: 7638 in `6.5.7638.2`.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0[2]
    }

    /// Last part: 2 in `6.5.7638.2`.
    #[must_use]
    pub const fn revision(self) -> u32 {
        self.0[3]
    }

    /// Whether both are builds of the same version of the product: first two parts equal.
    #[must_use]
    pub fn same_version(self, other: Self) -> bool {
        self.0[..2] == other.0[..2]
    }

    /// The text that the directory's `serialNumber` and Exchange System Manager show; `service_pack` 0 is the
    /// original release, whose text names none.
    #[must_use]
    pub fn version_text(self, service_pack: u32) -> String {
        VersionText { build: self, service_pack }.to_string()
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.0;
        write!(f, "{major}.{minor}.{build}.{revision}")
    }
}

impl fmt::Debug for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that isn't a build number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no build number; write it as 6.5.7638.2 or Version 6.5 (Build 7638.2: Service Pack 2)")]
pub struct ParseBuildError(String);

impl FromStr for Build {
    type Err = ParseBuildError;

    fn from_str(text: &str) -> Result<Self, ParseBuildError> {
        let text = text.trim();
        if text.starts_with("Version ") {
            return text.parse::<VersionText>().map(|version| version.build);
        }
        dotted::<4>(text).map(Self).ok_or_else(|| ParseBuildError(text.to_owned()))
    }
}

impl TryFrom<String> for Build {
    type Error = ParseBuildError;
    fn try_from(text: String) -> Result<Self, ParseBuildError> {
        text.parse()
    }
}

impl From<Build> for String {
    fn from(build: Build) -> String {
        build.to_string()
    }
}

/// The version as the directory writes it (`serialNumber` of the server object; KB 278518).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionText {
    /// The build.
    pub build: Build,
    /// Number of the service pack; 0: the text names none.
    pub service_pack: u32,
}

impl fmt::Display for VersionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.build.0;
        write!(f, "Version {major}.{minor} (Build {build}.{revision}")?;
        if self.service_pack > 0 {
            write!(f, ": Service Pack {}", self.service_pack)?;
        }
        f.write_str(")")
    }
}

impl FromStr for VersionText {
    type Err = ParseBuildError;

    fn from_str(text: &str) -> Result<Self, ParseBuildError> {
        let parts = || -> Option<Self> {
            let rest = text.trim().strip_prefix("Version ")?;
            let (version, rest) = rest.split_once(" (Build ")?;
            let rest = rest.strip_suffix(')')?;
            let (build, service_pack) = match rest.split_once(": Service Pack ") {
                Some((build, number)) => (build, decimal(number).filter(|number| *number > 0)?),
                None => (rest, 0),
            };
            let [major, minor] = dotted::<2>(version)?;
            let [build, revision] = dotted::<2>(build)?;
            Some(Self { build: Build([major, minor, build, revision]), service_pack })
        };
        parts().ok_or_else(|| ParseBuildError(text.to_owned()))
    }
}

/// `N` decimal numbers joined by dots, nothing else.
fn dotted<const N: usize>(text: &str) -> Option<[u32; N]> {
    let mut parts = [0; N];
    let mut given = text.split('.');
    for part in &mut parts {
        *part = decimal(given.next()?)?;
    }
    given.next().is_none().then_some(parts)
}

/// Digits alone: `str::parse` would take a leading `+` as well.
fn decimal(text: &str) -> Option<u32> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_are_read_and_written() {
        for (dotted, text, service_pack) in [
            ("6.5.7226.6", "Version 6.5 (Build 7226.6: Service Pack 1)", 1),
            ("6.5.7638.2", "Version 6.5 (Build 7638.2: Service Pack 2)", 2),
            ("6.5.6944.4", "Version 6.5 (Build 6944.4)", 0),
        ] {
            let build: Build = dotted.parse().unwrap();
            assert_eq!(build.to_string(), dotted);
            assert_eq!(build.version_text(service_pack), text);
            assert_eq!(text.parse::<Build>().unwrap(), build);
            assert_eq!(text.parse::<VersionText>().unwrap(), VersionText { build, service_pack });
        }
    }

    #[test]
    fn builds_are_ordered_by_number_not_by_text() {
        let read = |text: &str| text.parse::<Build>().unwrap();
        assert!(read("5.5.2653.23") < read("6.0.4417.5"));
        assert!(read("6.5.7638.2") < read("6.5.7638.10"));
        assert!(read("8.0.685.25") < read("15.2.221.12"));
        assert!(read("6.0.1.1").same_version(read("6.0.9.9")));
        assert!(!read("6.0.1.1").same_version(read("6.5.1.1")));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "6.5.7638",
            "6.5.7638.2.1",
            "6.5.7638.+2",
            "6.5.7638.-2",
            "6.5. 7638.2",
            "6.5.7638.4294967296",
            "6..1.2",
            "Version 6.5 (Build 7638.2: Service Pack 0)",
            "Version 6.5 (Build 7638.2",
            "Version 6.5.1 (Build 7638.2)",
            "Version 6.5 (Build 7638.2: Service Pack 2) x",
        ] {
            assert!(bad.parse::<Build>().is_err(), "{bad:?}");
        }
    }
}
