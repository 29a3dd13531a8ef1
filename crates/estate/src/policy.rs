//! What the administrator allows, and how cautious a run is.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::GroupId;

/// What the administrator allows; part of every plan, so that an approval covers it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Policy {
    /// Whether this estate serves users, or is where releases are tried first (ALL-TEST-FIRST).
    pub environment: Environment,
    /// When a node is restarted after its install.
    pub restart: RestartPolicy,
    /// Where groups are at the end. Absent: the product's habit (Pacemaker stays, Exchange returns).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// How long the first patched node must carry groups in good health before the last old node is touched.
    #[schemars(range(min = *Self::SOAK_SECONDS.start(), max = *Self::SOAK_SECONDS.end()))]
    pub soak_seconds: u32,
    /// How old a backup may be when the first install begins.
    #[schemars(range(min = *Self::BACKUP_AGE_MAX_HOURS.start(), max = *Self::BACKUP_AGE_MAX_HOURS.end()))]
    pub backup_age_max_hours: u32,
    /// The longest that a machine's step may take before it counts as stuck. Most have shorter limits of their own; none
    /// counts as stuck before it had twice the time that it usually takes.
    #[schemars(range(min = *Self::STEP_TIMEOUT_SECONDS.start(), max = *Self::STEP_TIMEOUT_SECONDS.end()))]
    pub step_timeout_seconds: u32,
    /// Go on with `stonith-enabled=false`. A failed node may then mount a group's data twice.
    pub allow_fencing_disabled: bool,
    /// Let the machine carry out commands whose only source is our own knowledge. Otherwise a person does.
    pub allow_unverified_commands: bool,
    /// Packages that the update may remove (Debian).
    pub allow_remove: Vec<String>,
    /// Packages that the update may bring to an older version (Debian).
    pub allow_downgrade: Vec<String>,
    /// Package origins that may be used although no installed package comes from them (Debian).
    pub allow_origins: Vec<String>,
    /// Rules of force *recommended* that a named person waived.
    pub waivers: Vec<Waiver>,
    /// Groups that may be left out of health checks because nothing can probe them.
    pub unprobed_groups: Vec<GroupId>,
}

impl Policy {
    /// What an estate file may say of [`Policy::soak_seconds`]: none to a day.
    pub const SOAK_SECONDS: RangeInclusive<u32> = 0..=86_400;
    /// What it may say of [`Policy::backup_age_max_hours`]: an hour to 30 days.
    pub const BACKUP_AGE_MAX_HOURS: RangeInclusive<u32> = 1..=720;
    /// What it may say of [`Policy::step_timeout_seconds`]: ten seconds to a day.
    pub const STEP_TIMEOUT_SECONDS: RangeInclusive<u32> = 10..=86_400;
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            environment: Environment::Production,
            restart: RestartPolicy::IfAsked,
            home: None,
            soak_seconds: 60,
            backup_age_max_hours: 24,
            step_timeout_seconds: 7200,
            allow_fencing_disabled: false,
            allow_unverified_commands: false,
            allow_remove: Vec::new(),
            allow_downgrade: Vec::new(),
            allow_origins: Vec::new(),
            waivers: Vec::new(),
            unprobed_groups: Vec::new(),
        }
    }
}

/// What an estate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// Users depend on it.
    Production,
    /// Releases are tried here first.
    Test,
}

/// When a node is restarted after its install.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Only when the installer or the system asks for it.
    IfAsked,
    /// After every install.
    Always,
    /// Never; a restart that is asked for is reported as still owed.
    Never,
}

/// Where groups are when a run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Home {
    /// Where the last planned move left them.
    Stay,
    /// On the owner that the cluster prefers.
    Preferred,
    /// Where they were when the run began.
    Return,
}

/// A rule of force *recommended*, waived by a named person with a reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Waiver {
    /// The rule's id, such as `E03-CLU-MOVE-EVS`.
    pub rule: String,
    /// Who waived it.
    pub by: String,
    /// Why.
    pub reason: String,
}
