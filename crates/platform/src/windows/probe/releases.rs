//! How far a release is on a node: by its proofs in the catalogue, and by what contradicts them.

use std::collections::BTreeMap;

use futures::future::join_all;
use futures::join;
use kaketsugi_estate::{Product, ReleaseId, ReleaseState};
use kaketsugi_knowledge::{Build, ProofKind, Release, releases};
use kaketsugi_plan::{Content, Payload};

use super::super::lock::HOME;
use super::super::names::quoted;
use super::super::shell::Shell;
use super::super::text::{RegValue, registry_values, wmic_value};
use crate::Error;

/// Where set-up writes about itself.
pub(super) const SETUP_KEY: &str = r"HKLM\SOFTWARE\Microsoft\Exchange\Setup";
/// CSDVersion here is a number: 0x100 is Windows' Service Pack 1.
const WINDOWS_KEY: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Windows";

/// What set-up wrote about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SetUp {
    pub(super) product: Product,
    pub(super) path: Option<String>,
    pub(super) newest_build: Option<u32>,
    pub(super) service_pack_build: Option<u32>,
    pub(super) service_pack: u32,
}

impl SetUp {
    pub(super) async fn ask(shell: &Shell) -> Result<Option<Self>, Error> {
        let said = shell.run(&shell.tools.registry(SETUP_KEY, None)).await?;
        Ok(said.good().map(|text| Self::read(shell.product, text)))
    }

    fn read(product: Product, text: &str) -> Self {
        let values = registry_values(text);
        let dword = |name: &str| match values.get(name) {
            Some(RegValue::Dword(number)) => Some(*number),
            _ => None,
        };
        let path = match values.get("services") {
            Some(RegValue::Text(path)) => Some(path.clone()),
            _ => None,
        };
        Self {
            product,
            path,
            newest_build: dword("newestbuild"),
            service_pack_build: dword("servicepackbuild"),
            service_pack: dword("servicepacknumber").unwrap_or(0),
        }
    }

    /// The build as the product writes it; the registry has only its third part.
    pub(super) fn version(&self) -> Option<String> {
        let number = self.service_pack_build.or(self.newest_build)?;
        let known = kaketsugi_knowledge::builds().iter().find(|row| {
            row.kind.is_level() && row.product_id() == self.product.as_str() && row.build.number() == number
        });
        Some(match (known, self.product) {
            (Some(row), _) => row.build.version_text(self.service_pack),
            (None, Product::Exchange2000) => format!("Version 6.0 (Build {number})"),
            (None, Product::Exchange55) => format!("Version 5.5 (Build {number})"),
            (None, _) => format!("Version 6.5 (Build {number})"),
        })
    }
}

/// How far the release and those that come before it are.
pub(super) async fn states(
    shell: &Shell,
    payload: &Payload,
    set_up: impl Future<Output = Result<Option<SetUp>, Error>>,
) -> Result<(Option<SetUp>, BTreeMap<ReleaseId, ReleaseState>), Error> {
    // What isn't in the catalogue has no proofs: its state stays unknown.
    let parts = payload.first.iter().chain([payload]);
    let known: Vec<_> = parts.filter_map(|p| Some((&p.id, releases().resolve(p.id.as_str())?))).collect();
    // Only the versions of files need the set-up's answer: the rest is asked with it.
    let asked = join_all(known.iter().map(|(_, release)| registry(shell, release)));
    let (set_up, asked) = join!(set_up, asked);
    let set_up = set_up?;
    let files = known.iter().map(|(_, release)| files(shell, release, set_up.as_ref()));
    let mut states = BTreeMap::new();
    for (((id, release), registry), files) in known.iter().zip(asked).zip(join_all(files).await) {
        if let Some(state) = state(release, set_up.as_ref(), registry?, files?) {
            states.insert((*id).clone(), state);
        }
    }
    Ok((set_up, states))
}

/// What a node says of a release, beside the versions of files.
struct Registry {
    contained: bool,
    /// By proof; None where it can't be asked for.
    proofs: Option<Vec<Proven>>,
}

async fn registry(shell: &Shell, release: &Release) -> Result<Registry, Error> {
    let proofs = join_all(release.proofs.iter().map(|proof| registry_proof(shell, &proof.what)));
    let (contained, proofs) = join!(contained(shell, release), proofs);
    let proofs: Vec<Option<Option<Proven>>> = proofs.into_iter().collect::<Result<_, _>>()?;
    let proofs: Option<Vec<Option<Proven>>> = proofs.into_iter().collect();
    Ok(Registry { contained: contained?, proofs: proofs.map(|all| all.into_iter().flatten().collect()) })
}

/// None: it can't be asked for. `Some(None)`: it isn't in the registry.
async fn registry_proof(shell: &Shell, proof: &ProofKind) -> Result<Option<Option<Proven>>, Error> {
    Ok(match proof {
        ProofKind::RegistryKey { key } => {
            let Ok(key) = quoted(key) else { return Ok(None) };
            let said = shell.run(&shell.tools.registry(&key, None)).await?;
            said.is_registered().map(|there| Some(if there { Proven::Yes } else { Proven::No }))
        }
        ProofKind::RegistryValue { key, name, value } => {
            let (Ok(key), Ok(quoted_name)) = (quoted(key), quoted(name)) else { return Ok(None) };
            let said = shell.run(&shell.tools.registry(&key, Some(&quoted_name))).await?;
            if said.is_registered().is_none() {
                return Ok(None);
            }
            let is = said.good().map(registry_values).and_then(|v| v.get(&name.to_lowercase()).cloned());
            Some(Some(match is {
                Some(RegValue::Dword(is)) if is == *value => Proven::Yes,
                Some(RegValue::Dword(is)) if is > *value => Proven::Newer,
                _ => Proven::No,
            }))
        }
        // The directory says nothing about a node.
        ProofKind::FileVersion { .. } | ProofKind::DirectorySerial { .. } => Some(None),
    })
}

/// By files whose version is a proof; None where one can't be told. On a cluster of Exchange 5.5 set-up puts the programs on
/// the disk that goes with the group, and where that isn't the registry alone speaks for the node (own knowledge).
async fn files(
    shell: &Shell,
    release: &Release,
    set_up: Option<&SetUp>,
) -> Result<Option<Vec<Proven>>, Error> {
    let asked = release.proofs.iter().filter_map(|proof| match &proof.what {
        ProofKind::FileVersion { file, at_least } => Some((file, at_least)),
        _ => None,
    });
    let asked = asked.map(|(file, at_least)| async move {
        Ok::<_, Error>(match file_version(shell, file, set_up).await? {
            Some(version) if version >= *at_least => Some(vec![Proven::Yes]),
            Some(_) => Some(vec![Proven::No]),
            None if is_elsewhere(shell, set_up).await? => Some(Vec::new()),
            None => None,
        })
    });
    let each: Option<Vec<Vec<Proven>>> = join_all(asked).await.into_iter().collect::<Result<_, _>>()?;
    Ok(each.map(|each| each.into_iter().flatten().collect()))
}

/// Whether Exchange 5.5 lies on a drive that this node doesn't have now.
async fn is_elsewhere(shell: &Shell, set_up: Option<&SetUp>) -> Result<bool, Error> {
    let path = set_up.and_then(|s| s.path.as_ref()).filter(|_| shell.product == Product::Exchange55);
    let Some(drive) = path.and_then(|path| path.get(..2)) else { return Ok(false) };
    let lettered = drive.starts_with(|c: char| c.is_ascii_alphabetic()) && drive.ends_with(':');
    if !lettered || drive.eq_ignore_ascii_case("C:") {
        return Ok(false);
    }
    // 1 is said on purpose; any other number is no answer.
    Ok(shell.run(&format!("if not exist \"{drive}\\\" exit 1")).await?.code == 1)
}

fn state(
    release: &Release,
    set_up: Option<&SetUp>,
    registry: Registry,
    files: Option<Vec<Proven>>,
) -> Option<ReleaseState> {
    if registry.contained {
        return Some(ReleaseState::Newer);
    }
    let mut found = Found::default();
    registry.proofs?.into_iter().chain(files?).for_each(|proven| found.note(proven));
    // A set-up that was cut off has begun to write its build and not yet what completes it.
    let begun = release.kind.is_service_pack()
        && release.to_build.is_some_and(|b| set_up.and_then(|s| s.newest_build) == Some(b.number()));
    Some(found.state(begun))
}

/// Whether a newer Windows has the fix in itself.
async fn contained(shell: &Shell, release: &Release) -> Result<bool, Error> {
    if release.contained_from.is_none() || !release.product.starts_with("windows") {
        return Ok(false);
    }
    let said = shell.run(&shell.tools.registry(WINDOWS_KEY, Some("CSDVersion"))).await?;
    let value = said.good().map(registry_values).and_then(|v| v.get("csdversion").cloned());
    Ok(matches!(value, Some(RegValue::Dword(number)) if number >= 0x100))
}

async fn file_version(shell: &Shell, file: &str, set_up: Option<&SetUp>) -> Result<Option<Build>, Error> {
    let Some(folder) = set_up.and_then(|s| s.path.as_ref()) else { return Ok(None) };
    let path = format!("{}\\bin\\{file}", folder.trim_end_matches('\\'));
    if quoted(&path).is_err() {
        return Ok(None);
    }
    let said = shell.run(&shell.tools.file_version(&path)).await?;
    Ok(said.good().and_then(|text| wmic_value(text, "Version")).and_then(|v| v.parse().ok()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proven {
    Yes,
    Newer,
    No,
}

#[derive(Debug, Default)]
struct Found {
    yes: u32,
    newer: u32,
    no: u32,
}

impl Found {
    fn note(&mut self, proven: Proven) {
        match proven {
            Proven::Yes => self.yes += 1,
            Proven::Newer => self.newer += 1,
            Proven::No => self.no += 1,
        }
    }

    fn state(&self, begun: bool) -> ReleaseState {
        match (self.yes, self.newer, self.no) {
            (_, 0, 0) if self.yes > 0 => ReleaseState::Installed,
            (_, 1.., 0) => ReleaseState::Newer,
            (0, 0, _) if !begun => ReleaseState::Absent,
            _ => ReleaseState::Partial,
        }
    }
}

/// The record that the files of a release were checked on a node: written by the staging step.
pub(crate) fn record_path(release: &ReleaseId) -> String {
    let clean: String = release
        .as_str()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' })
        .collect();
    format!("{HOME}\\staged\\{clean}.txt")
}

/// A line of that record.
pub(crate) fn record_line(sha256: &str, path: &str) -> String {
    format!("{} {path}", sha256.to_lowercase())
}

/// The releases whose files were checked here and are still there.
pub(super) async fn staged(
    shell: &Shell,
    payload: &Payload,
) -> Result<std::collections::BTreeSet<ReleaseId>, Error> {
    let mut staged = std::collections::BTreeSet::new();
    for part in payload.first.iter().chain([payload]) {
        let Content::Media(media) = &part.content else { continue };
        if media.is_empty() {
            continue;
        }
        let said = shell.run(&format!("type {}", record_path(&part.id))).await?;
        let Some(record) = said.good() else { continue };
        let lines: Vec<&str> = record.lines().map(str::trim).collect();
        let recorded = media.iter().all(|f| lines.contains(&record_line(&f.sha256, &f.path).as_str()));
        if !recorded {
            continue;
        }
        let mut all = true;
        for there in join_all(media.iter().map(|file| exists(shell, &file.path))).await {
            all &= there?;
        }
        if all {
            staged.insert(part.id.clone());
        }
    }
    Ok(staged)
}

async fn exists(shell: &Shell, path: &str) -> Result<bool, Error> {
    let Ok(path) = quoted(path) else { return Ok(false) };
    Ok(shell.run(&format!("if not exist {path} exit 1")).await?.code == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_proofs_some_or_none() {
        let state = |yes, newer, no, begun| Found { yes, newer, no }.state(begun);
        assert_eq!(state(2, 0, 0, true), ReleaseState::Installed);
        assert_eq!(state(1, 1, 0, false), ReleaseState::Newer);
        assert_eq!(state(0, 0, 2, false), ReleaseState::Absent);
        assert_eq!(state(1, 0, 1, false), ReleaseState::Partial);
        assert_eq!(state(0, 0, 2, true), ReleaseState::Partial, "the newest build is its own already");
        assert_eq!(state(0, 1, 1, false), ReleaseState::Partial);
    }

    #[test]
    fn the_version_is_written_as_the_product_does() {
        let nothing = |product| SetUp::read(product, "");
        let of_2003 = nothing(Product::Exchange2003);
        let set_up = SetUp { service_pack_build: Some(7638), service_pack: 2, ..of_2003.clone() };
        assert_eq!(set_up.version().as_deref(), Some("Version 6.5 (Build 7638.2: Service Pack 2)"));
        let original = SetUp { newest_build: Some(6944), ..of_2003.clone() };
        assert_eq!(original.version().as_deref(), Some("Version 6.5 (Build 6944.4)"));
        assert_eq!(of_2003.version(), None);
        let of_2000 =
            SetUp { service_pack_build: Some(6249), service_pack: 3, ..nothing(Product::Exchange2000) };
        assert_eq!(of_2000.version().as_deref(), Some("Version 6.0 (Build 6249.4: Service Pack 3)"));
    }
}
