//! How a product lives on a kind of cluster; `data/profiles.toml`.

use std::sync::LazyLock;

use kaketsugi_estate::{ClusterKind, Home};
use serde::{Deserialize, Serialize};

use crate::{Certainty, embedded};

/// What a planner has to know of a product on a kind of cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Profile {
    /// The product: `exchange-2003`, `debian`.
    pub product: String,
    /// The cluster software.
    pub cluster: ClusterKind,
    /// Its name for people.
    pub title: String,
    /// Where groups are at the end, unless policy says otherwise.
    pub home: Home,
    /// How a node is emptied.
    pub drain: Drain,
    /// Name of the group that holds the quorum, where the cluster has one.
    pub cluster_group: Option<String>,
    /// Name of the Windows service that is the cluster.
    pub cluster_service: Option<String>,
    /// Resource types that stay online while a group is upgraded (E03-CLU-06-OFFLINE). Empty: no such upgrade.
    #[serde(default)]
    pub kept_online: Vec<String>,
    /// Resource types that must be online, in whatever group, while a group is upgraded (E03-EVS-CONDITIONS).
    #[serde(default)]
    pub online_for_upgrade: Vec<String>,
    /// Resource types that must be offline while a group is upgraded (E03-EVS-CONDITIONS).
    #[serde(default)]
    pub offline_for_upgrade: Vec<String>,
    /// Beginnings of the resource types that make a group one of this product; `*`: any type that isn't a foundation.
    #[serde(default)]
    pub group_type_prefixes: Vec<String>,
    /// Resource types of the product's group, in an order in which they can start.
    #[serde(default, rename = "resource")]
    pub resources: Vec<ResourceProfile>,
    /// How many storage groups a node's one Information Store can run, a recovery storage group not counted. None: no
    /// such limit.
    pub storage_groups_max: Option<u32>,
    #[serde(default)]
    stack_packages: Vec<String>,
    /// How long things take, as a planner expects.
    pub expected_seconds: ExpectedSeconds,
    /// What a person types where no command of ours reaches. None: nothing is known.
    pub by_hand: Option<HandCommands>,
    /// Id of the source.
    pub source: String,
}

impl Profile {
    /// Whether a resource of this type makes its group one of this product. Names of resources never do: they are
    /// the administrator's.
    #[must_use]
    pub fn is_product_type(&self, resource_type: &str) -> bool {
        let foundation = || self.resource(resource_type).is_some_and(|r| r.layer == Layer::Foundation);
        self.group_type_prefixes.iter().any(|prefix| match prefix.as_str() {
            "*" => !foundation(),
            prefix => resource_type.starts_with(prefix),
        })
    }

    /// Whether a resource of this type stays online while its group is upgraded (E03-CLU-06-OFFLINE).
    #[must_use]
    pub fn is_kept_online(&self, resource_type: &str) -> bool {
        self.kept_online.iter().any(|kept| kept == resource_type)
    }

    /// Whether a package is part of the cluster stack, which is stopped before it is replaced.
    #[must_use]
    pub fn is_stack_package(&self, package: &str) -> bool {
        self.stack_packages.iter().any(|pattern| package_matches(pattern, package))
    }

    /// The resource type with this name.
    #[must_use]
    pub fn resource(&self, resource_type: &str) -> Option<&ResourceProfile> {
        self.resources.iter().find(|resource| resource.resource_type == resource_type)
    }
}

/// `libqb#`: followed by a number, and by `t64` where Debian renamed it for 64-bit times; `corosync-*`: by anything;
/// else exactly the name.
fn package_matches(pattern: &str, package: &str) -> bool {
    if let Some(stem) = pattern.strip_suffix('#') {
        let number = package.strip_prefix(stem).unwrap_or_default();
        let number = number.strip_suffix("t64").unwrap_or(number);
        return !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    }
    match pattern.strip_suffix('*') {
        Some(stem) => package.starts_with(stem),
        None => package == pattern,
    }
}

/// How a node is emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drain {
    /// Each group is moved to a node that we choose.
    MoveGroups,
    /// The node is put into standby and the cluster chooses.
    Standby,
    /// It isn't: the installer stops what serves users, and starts it again (ALL-SERVICES-STOP).
    InPlace,
}

/// A resource type in a group of the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResourceProfile {
    /// Its name as the cluster writes it.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// What it is to the group.
    pub layer: Layer,
    /// The name that setup gives such a resource, `{group}` being the virtual server's name. A hint for emulation
    /// and display; administrators rename resources.
    pub name: Option<String>,
    /// Types that must be online before it.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Whether a cluster has at most one.
    #[serde(default)]
    pub one_per_cluster: bool,
    /// Whether a group can well be without one.
    #[serde(default)]
    pub optional: bool,
    /// How certain name and dependencies are. The real tree is read from the cluster in any case.
    pub certainty: Certainty,
    /// Id of the source.
    pub source: String,
}

/// What a resource is to its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Address, name, disk: what any group has.
    Foundation,
    /// The product's first resource, which the others stand on.
    Root,
    /// What serves users.
    Service,
}

/// How long things take, in seconds, as a planner expects: for interruptions and time-outs, never for correctness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedSeconds {
    /// A group moves: not serving to serving.
    pub r#move: u32,
    /// A group's resources go offline.
    pub offline: u32,
    /// A group's resources come online.
    pub online: u32,
    /// The installer runs.
    pub install: u32,
    /// A node restarts and is a member again.
    pub restart: u32,
    /// A person upgrades a group. None: there is no such upgrade.
    pub group_upgrade: Option<u32>,
    /// The product's optimizer runs. None: it has none.
    pub optimizer: Option<u32>,
    /// How certain these figures are.
    pub certainty: Certainty,
}

/// Command lines for a person at a node's prompt; words in braces are filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HandCommands {
    /// What is said to a cluster. None: a server that stands alone.
    pub cluster: Option<ClusterByHand>,
    /// Restarts the node where it is typed. None: its Windows has no command for it.
    pub restart: Option<String>,
    /// Sets the start type of `{service}` to `{type}`. None: its Windows has no command for it.
    pub windows_service_type: Option<String>,
    /// Stops `{service}`.
    pub windows_service_stop: String,
    /// Starts `{service}`.
    pub windows_service_start: String,
    /// Makes the directory in which probes look for the record of compared files.
    pub record_place: String,
    /// Compares `{path}` with `{sha256}` and, only if it is right, writes `{line}` into the record of `{release}`; `{to}`
    /// begins or goes on with it.
    pub record: String,
    /// How certain these lines are, the least of them.
    pub certainty: Certainty,
    /// Id of the source.
    pub source: String,
}

/// What a person types to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClusterByHand {
    /// Moves `{group}` to `{node}`.
    pub r#move: String,
    /// Takes `{resource}` offline.
    pub offline: String,
    /// Brings `{resource}` online.
    pub online: String,
    /// Stops the cluster service of `{node}`, typed on another one; without that word: of the node where it is typed.
    pub stop_service: String,
    /// Starts the cluster service, likewise.
    pub start_service: String,
    /// Pauses `{node}`.
    pub pause: String,
    /// Ends the pause of `{node}`.
    pub resume: String,
    /// Sets the failback of `{group}` to `{number}`.
    pub failback: String,
}

/// All profiles.
#[derive(Debug)]
pub struct Profiles {
    profiles: Vec<Profile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    profile: Vec<Profile>,
}

static PROFILES: LazyLock<Profiles> = LazyLock::new(|| {
    let file: File = embedded::parse("profiles.toml", include_str!("../data/profiles.toml"));
    Profiles { profiles: file.profile }
});

/// All profiles.
#[must_use]
pub fn profiles() -> &'static Profiles {
    &PROFILES
}

impl Profiles {
    /// The profile of a product (`exchange-2003`) on a kind of cluster. None: nothing is known of the two together.
    #[must_use]
    pub fn get(&self, product: &str, cluster: ClusterKind) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.product == product && profile.cluster == cluster)
    }

    /// All profiles.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sources;

    #[test]
    fn every_profile_is_consistent() {
        let mut seen = BTreeSet::new();
        for profile in profiles().iter() {
            assert!(seen.insert((&profile.product, profile.cluster)), "{} is there twice", profile.title);
            assert!(sources().get(&profile.source).is_some(), "{}", profile.title);
            let mut started = BTreeSet::new();
            for resource in &profile.resources {
                let name = resource.resource_type.as_str();
                assert!(sources().get(&resource.source).is_some(), "{name}");
                for needed in &resource.depends_on {
                    assert!(started.contains(needed.as_str()), "{name} comes before {needed}");
                }
                assert!(started.insert(name), "{name} is there twice");
                assert_eq!(profile.is_product_type(name), resource.layer != Layer::Foundation, "{name}");
            }
            for kept in &profile.kept_online {
                assert_eq!(
                    profile.resource(kept).map(|resource| resource.layer),
                    Some(Layer::Foundation),
                    "{kept}"
                );
            }
            assert_eq!(profile.kept_online.is_empty(), profile.expected_seconds.group_upgrade.is_none());
        }
    }

    #[test]
    fn the_kept_online_set_of_2003_is_the_articles() {
        let profile = profiles().get("exchange-2003", ClusterKind::Windows).unwrap();
        assert_eq!(profile.kept_online, ["IP Address", "Physical Disk", "Network Name"]);
        assert!(!profile.is_kept_online("Microsoft Exchange System Attendant"));
        assert_eq!((profile.home, profile.drain), (Home::Return, Drain::MoveGroups));
        assert_eq!(profile.cluster_group.as_deref(), Some("Cluster Group"));
    }

    #[test]
    fn stack_packages_are_told_from_those_that_only_sound_alike() {
        let profile = profiles().get("debian", ClusterKind::Pacemaker).unwrap();
        for stack in ["corosync", "pacemaker", "pacemaker-cli-utils", "libqb100", "libknet1t64", "libcib27"] {
            assert!(profile.is_stack_package(stack), "{stack}");
        }
        for other in
            ["libcpgplot0", "libsamplerate0", "libqb-dev", "libqbscore1.24", "crmsh", "dovecot-core", "libqb"]
        {
            assert!(!profile.is_stack_package(other), "{other}");
        }
        assert_eq!((profile.home, profile.drain), (Home::Stay, Drain::Standby));
        assert_eq!(profiles().get("debian", ClusterKind::Windows), None);
    }
}
