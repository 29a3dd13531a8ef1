//! What a catalogue entry is made of: builds, installer, logs, exit codes, proofs, prerequisites.

use serde::{Deserialize, Serialize};

use crate::{Build, Certainty, ReleaseId};

/// A yes or no, with how certain it is and where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Marked {
    /// Yes or no.
    pub is: bool,
    /// How certain that is.
    pub certainty: Certainty,
    /// Id of the source.
    pub source: String,
}

/// A build, with how certain it is and where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MarkedBuild {
    /// The build.
    pub build: Build,
    /// How certain that is.
    pub certainty: Certainty,
    /// Id of the source.
    pub source: String,
}

/// The installed builds that a release can be put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FromBuilds {
    /// This build or a newer one.
    pub at_least: Build,
    /// None from this one on. Absent: no end.
    pub below: Option<Build>,
}

/// In which state an installer wants the cluster service of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterServiceState {
    /// Stopped.
    Stopped,
    /// Running.
    Running,
    /// It doesn't matter.
    Either,
}

/// The cluster service, by what the node carries while the release is installed on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ClusterServiceByNode {
    pub(crate) drained: ClusterServiceState,
    pub(crate) active: Option<ClusterServiceState>,
}

/// Whether a node is restarted after the install.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Not needed.
    Never,
    /// When the installer or the system asks for it.
    IfAsked,
    /// In any case.
    Always,
}

/// How a release is installed on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Installer {
    /// Path of the program, with placeholders.
    pub path: String,
    /// How certain that path is.
    pub path_certainty: Certainty,
    command: Option<String>,
    command_certainty: Option<Certainty>,
    /// What a person is told to do, with placeholders.
    pub instruction: String,
    /// How certain that is.
    pub instruction_certainty: Certainty,
    /// Id of the source.
    pub source: String,
}

impl Installer {
    /// The command that installs without anybody at the screen. None: no such command is known, a person does it.
    #[must_use]
    pub fn command(&self) -> Option<CommandLine<'_>> {
        let template = self.command.as_deref()?;
        Some(CommandLine { template, certainty: self.command_certainty.unwrap_or(Certainty::Unsure) })
    }

    /// [`Installer::command`] if a machine may run it: verified, or policy allows unverified commands.
    #[must_use]
    pub fn machine_command(&self, allow_unverified: bool) -> Option<CommandLine<'_>> {
        self.command().filter(|command| allow_unverified || command.certainty.is_verified())
    }

    pub(crate) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        [&mut self.path, &mut self.instruction].into_iter().chain(self.command.as_mut())
    }
}

/// A command with placeholders `{media}`, `{lang}`, `{log}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandLine<'a> {
    /// The text with its placeholders.
    pub template: &'a str,
    /// How certain the command is.
    pub certainty: Certainty,
}

impl CommandLine<'_> {
    /// Puts values in for the placeholders.
    ///
    /// # Errors
    /// A placeholder that no value was given for.
    pub fn fill(&self, values: &[(&str, &str)]) -> Result<String, MissingValue> {
        fill(self.template, values)
    }
}

/// A placeholder that no value was given for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{template}` needs a value for {{{name}}}")]
pub struct MissingValue {
    /// The placeholder's name.
    pub name: String,
    /// The text it stands in.
    pub template: String,
}

/// Puts values in for `{name}` in one pass, so that braces inside a value are never taken for a placeholder.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> Result<String, MissingValue> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        match values.iter().find(|(given, _)| *given == name) {
            Some((_, value)) => filled.push_str(value),
            None => return Err(MissingValue { name: name.to_owned(), template: template.to_owned() }),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A log that an installer writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogFile {
    /// Its path, with variables of the system.
    pub path: String,
    /// How certain it is.
    pub certainty: Certainty,
    /// Id of the source.
    pub source: String,
    /// What to know about it.
    pub remark: Option<String>,
}

/// What an installer's exit code means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExitCode {
    /// The code, as a signed 32-bit number: HRESULTs are negative.
    pub code: i32,
    /// What it means.
    pub meaning: ExitMeaning,
    /// How certain that is.
    pub certainty: Certainty,
    /// Id of the source.
    pub source: String,
}

/// The meaning of an exit code. A code without an entry is a failure that nothing is known of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitMeaning {
    /// The installer says done; the result is verified all the same.
    Done,
    /// Done, and a restart is needed.
    DoneRestartNeeded,
    /// Done, and the installer itself has begun a restart.
    RestartBegun,
    /// It failed.
    Failed,
    /// Another installer was running; nothing was done.
    OtherInstallerRunning,
    /// The release doesn't apply here, or is there already; nothing was done.
    NotApplicable,
}

impl ExitMeaning {
    /// Whether the installer claims to have installed the release.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Done | Self::DoneRestartNeeded | Self::RestartBegun)
    }
}

/// A fact that proves that a release is there.
// No `deny_unknown_fields`: serde can't have it beside `flatten`. Every field is required, so a misspelt one is
// still noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Proof {
    /// What is looked at. (Written flat in the file.)
    #[serde(flatten)]
    pub what: ProofKind,
    /// How certain it is that this proves it.
    pub certainty: Certainty,
    /// Id of the source.
    pub source: String,
}

/// What is looked at to prove that a release is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "kind")]
pub enum ProofKind {
    /// A registry key that exists.
    RegistryKey {
        /// Its path, beginning with `HKLM\`.
        key: String,
    },
    /// A DWORD in the registry.
    RegistryValue {
        /// Path of the key, beginning with `HKLM\`.
        key: String,
        /// Name of the value.
        name: String,
        /// What it must be.
        value: u32,
    },
    /// A file's version.
    FileVersion {
        /// Name of the file.
        file: String,
        /// Its version must be this or newer.
        at_least: Build,
    },
    /// `serialNumber` of the virtual server's object in the directory.
    DirectorySerial {
        /// What it must be.
        text: String,
    },
}

/// What must be there before a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Prerequisite {
    /// The release that must be there.
    pub release: ReleaseId,
    /// Only on these operating systems (`windows-2003`). Empty: on all.
    #[serde(default)]
    pub on: Vec<String>,
    /// Whether the node is restarted after it.
    #[serde(default)]
    pub restart_after: bool,
    /// Whether it is installed in the drained window of the release that needs it.
    #[serde(default)]
    pub same_drain: bool,
    /// How certain the need is.
    pub certainty: Certainty,
    /// Id of the source.
    pub source: String,
}

impl Prerequisite {
    /// Whether it holds on this operating system (`windows-2003`).
    #[must_use]
    pub fn holds_on(&self, os: &str) -> bool {
        self.on.is_empty() || self.on.iter().any(|named| named == os)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_once_and_none_is_left() {
        let line = r#""{media}\x-{lang}.exe" /quiet /log:"{log}""#;
        let filled =
            fill(line, &[("media", r"C:\{lang}"), ("lang", "JPN"), ("log", "l.txt"), ("other", "x")])
                .unwrap();
        assert_eq!(filled, r#""C:\{lang}\x-JPN.exe" /quiet /log:"l.txt""#);
        assert_eq!(fill(line, &[("media", "m"), ("log", "l")]).unwrap_err().name, "lang");
        assert_eq!(fill("a { b", &[]).unwrap(), "a { b");
    }
}
