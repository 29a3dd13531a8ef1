//! The catalogue of releases; `data/releases.toml`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::release_parts::{ClusterServiceByNode, fill};
use crate::{
    Build, ClusterServiceState, ExitCode, FromBuilds, Installer, LogFile, Marked, MarkedBuild, Prerequisite,
    Proof, ProofKind, ReleaseId, Restart, Source, embedded, sources,
};

/// A release: what is known of a service pack, hotfix or rollup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Release {
    /// Its id: `exchange-2003-sp2`.
    pub id: ReleaseId,
    /// Its name for people.
    pub title: String,
    /// The product it is for: `exchange-2003`, `windows-2003`.
    pub product: String,
    /// What kind of release it is.
    pub kind: ReleaseKind,
    /// Its KB article, and the name of its record in the registry: `KB916803`.
    pub kb: Option<String>,
    /// A pattern for hotfixes that aren't listed; see [`Catalogue::resolve`].
    #[serde(default)]
    pub pattern: bool,
    /// The installed builds that it can be put on.
    pub from: FromBuilds,
    /// Releases of the same product that must be there before it, in order.
    #[serde(default)]
    pub needs: Vec<ReleaseId>,
    /// Builds from this one on contain it.
    pub contained_from: Option<MarkedBuild>,
    /// The build it brings: of the product for a service pack, of the file that it is known by for a hotfix.
    pub to_build: Option<Build>,
    /// Number of the service pack; 0 for other kinds.
    #[serde(default)]
    pub service_pack: u32,
    /// Whether it changes the Information Store. Backups and notes are required then.
    pub changes_store: bool,
    /// Whether databases or directory objects that it has touched are closed to older versions.
    pub one_way: Marked,
    /// Whether each virtual server (EVS) is upgraded after it, by E03-CLU-09-UPGRADE-EVS.
    pub group_upgrade: Marked,
    cluster_service: ClusterServiceByNode,
    /// Whether a node is restarted after it.
    pub restart: Restart,
    exit_codes: String,
    /// How it is installed.
    pub installer: Installer,
    /// The logs it writes.
    #[serde(default, rename = "log")]
    pub logs: Vec<LogFile>,
    /// What proves, on a node, that it is installed. All must hold.
    #[serde(default, rename = "proof")]
    pub proofs: Vec<Proof>,
    /// What proves that a virtual server was upgraded to it. All must hold.
    #[serde(default, rename = "group-proof")]
    pub group_proofs: Vec<Proof>,
    /// What must be there before it.
    #[serde(default, rename = "prerequisite")]
    pub prerequisites: Vec<Prerequisite>,
    #[serde(default)]
    references: Vec<String>,
}

impl Release {
    /// Whether each virtual server is upgraded after it (E03-CLU-09-UPGRADE-EVS).
    #[must_use]
    pub fn needs_group_upgrade(&self) -> bool {
        self.group_upgrade.is
    }

    /// In which state the installer wants the cluster service of a drained node.
    #[must_use]
    pub fn cluster_service(&self) -> ClusterServiceState {
        self.cluster_service.drained
    }

    /// The same for a node that carries the product's group. None: it is never installed on such a node.
    #[must_use]
    pub fn cluster_service_on_active_node(&self) -> Option<ClusterServiceState> {
        self.cluster_service.active
    }

    /// What is known of an exit code of its installer. None: nothing, so it counts as a failure.
    #[must_use]
    pub fn exit_code(&self, code: i32) -> Option<&'static ExitCode> {
        self.exit_codes().iter().find(|known| known.code == code)
    }

    /// All exit codes known of its installer.
    #[must_use]
    pub fn exit_codes(&self) -> &'static [ExitCode] {
        releases().exit_codes.get(&self.exit_codes).map_or(&[], |family| &family.codes)
    }

    /// The sources to show with it.
    pub fn references(&self) -> impl Iterator<Item = &'static Source> {
        self.references.iter().filter_map(|id| sources().get(id))
    }

    /// A pattern with the number of one hotfix put in.
    fn instance(&self, kb: &str) -> Option<Self> {
        let digits = kb.strip_prefix("KB")?;
        if !(6..=7).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut release = self.clone();
        release.id = ReleaseId::new(format!("{}:{kb}", self.id)).ok()?;
        release.pattern = false;
        let texts = std::iter::once(&mut release.title)
            .chain(release.kb.as_mut())
            .chain(release.installer.texts_mut())
            .chain(release.logs.iter_mut().map(|log| &mut log.path))
            .chain(release.proofs.iter_mut().filter_map(|proof| match &mut proof.what {
                ProofKind::RegistryKey { key } => Some(key),
                _ => None,
            }));
        // The other placeholders stay: they are the node's, not the release's.
        let keep =
            [("kb", kb), ("media", "{media}"), ("lang", "{lang}"), ("log", "{log}"), ("node", "{node}")];
        for text in texts {
            *text = fill(text, &keep).ok()?;
        }
        Some(release)
    }
}

/// What kind of release it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseKind {
    /// A service pack.
    ServicePack,
    /// A hotfix; security updates of this time are hotfixes too.
    Hotfix,
    /// A rollup of hotfixes.
    Rollup,
}

impl ReleaseKind {
    /// Whether the register's rows about service packs are said of it.
    #[must_use]
    pub fn is_service_pack(self) -> bool {
        self == Self::ServicePack
    }
}

/// All releases.
#[derive(Debug)]
pub struct Catalogue {
    releases: BTreeMap<ReleaseId, Release>,
    exit_codes: BTreeMap<String, ExitFamily>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExitFamily {
    #[expect(dead_code, reason = "says in the data file what the family is")]
    title: String,
    codes: Vec<ExitCode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    exit_codes: BTreeMap<String, ExitFamily>,
    release: Vec<Release>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let file: File = embedded::parse("releases.toml", include_str!("../data/releases.toml"));
    let releases = file.release.into_iter().map(|release| (release.id.clone(), release)).collect();
    Catalogue { releases, exit_codes: file.exit_codes }
});

/// The catalogue of releases.
#[must_use]
pub fn releases() -> &'static Catalogue {
    &CATALOGUE
}

impl Catalogue {
    /// The entry with this id; a pattern is an entry too, but nothing to install.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Release> {
        self.releases.get(&ReleaseId::new(id).ok()?)
    }

    /// The release that an administrator asked for: a listed one, or a hotfix that isn't, named by its pattern
    /// and number, as `exchange-2003-sp2-hotfix:KB123456`.
    #[must_use]
    pub fn resolve(&self, id: &str) -> Option<Cow<'_, Release>> {
        match id.split_once(':') {
            None => self.get(id).filter(|release| !release.pattern).map(Cow::Borrowed),
            Some((pattern, kb)) => {
                self.get(pattern).filter(|release| release.pattern)?.instance(kb).map(Cow::Owned)
            }
        }
    }

    /// All entries, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &Release> {
        self.releases.values()
    }
}

#[cfg(test)]
#[path = "releases_tests.rs"]
mod tests;
