//! The package database, as `dpkg-query` prints it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use kaketsugi_estate::{ReleaseState, Trouble};
use kaketsugi_plan::Package;
use sha2::{Digest, Sha256};

use super::version;

/// What `dpkg-query --show` is asked for: one package a line, fields divided by tabs.
pub(crate) const QUERY_FORMAT: &str =
    r"${Package}\t${Architecture}\t${Version}\t${db:Status-Want}\t${db:Status-Status}\t${db:Status-Eflag}\n";

/// A package as dpkg knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) version: String,
    pub(crate) held: bool,
    pub(crate) state: PackageState,
}

/// The states that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PackageState {
    /// Unpacked and configured.
    Installed,
    /// Not there, but for configuration files perhaps.
    Absent,
    /// Neither: an interrupted or failed installation.
    Broken,
}

/// The package database: by name and architecture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dpkg {
    packages: BTreeMap<(String, String), Known>,
}

impl Dpkg {
    /// Reads the answer to [`QUERY_FORMAT`].
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut packages = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, architecture, version, want, state, flag] = fields.as_slice() else {
                return Err(format!("a line of {} fields", fields.len()));
            };
            let state = match (*state, *flag) {
                (_, "reinstreq") => PackageState::Broken,
                ("installed", _) => PackageState::Installed,
                ("not-installed" | "config-files", _) => PackageState::Absent,
                _ => PackageState::Broken,
            };
            let known = Known { version: (*version).to_owned(), held: *want == "hold", state };
            packages.insert(((*name).to_owned(), (*architecture).to_owned()), known);
        }
        // No Debian system is without packages: an empty answer is a failed one.
        if packages.is_empty() { Err("no package".into()) } else { Ok(Self { packages }) }
    }

    /// Held and broken packages.
    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        let names = |which: &dyn Fn(&Known) -> bool| -> Vec<String> {
            self.packages
                .iter()
                .filter(|(_, known)| which(known))
                .map(|((name, _), _)| name.clone())
                .collect()
        };
        let held = names(&|known| known.held && known.state != PackageState::Absent);
        let broken = names(&|known| known.state == PackageState::Broken);
        let mut troubles = Vec::new();
        if !held.is_empty() {
            troubles.push(Trouble::PackagesHeld { packages: held });
        }
        if !broken.is_empty() {
            troubles.push(Trouble::PackagesBroken { packages: broken });
        }
        troubles
    }

    /// A package.
    pub(crate) fn get(&self, name: &str, architecture: &str) -> Option<&Known> {
        self.packages.get(&(name.to_owned(), architecture.to_owned()))
    }

    /// How far a frozen list is on this node. `record`: the completion record that was found for it.
    pub(crate) fn release_state(&self, list: &[Package], record: Option<&str>) -> ReleaseState {
        if list.is_empty() {
            return ReleaseState::Installed;
        }
        let (mut done, mut newer, mut broken) = (0, 0, false);
        for package in list {
            let Some(known) = self.get(&package.name, &package.architecture) else { continue };
            broken |= known.state == PackageState::Broken;
            if known.state != PackageState::Installed {
                continue;
            }
            let is_target = version::compare(&known.version, &package.version);
            let wanted_down =
                package.from.as_ref().is_some_and(|from| version::compare(from, &package.version).is_gt());
            match is_target {
                Ordering::Equal => done += 1,
                Ordering::Greater if !wanted_down => newer += 1,
                Ordering::Less | Ordering::Greater => {}
            }
        }
        let all = done + newer == list.len();
        match (all, broken) {
            (true, false) if newer > 0 => ReleaseState::Newer,
            (true, false) if record.map(str::trim) == Some(list_digest(list).as_str()) => {
                ReleaseState::Installed
            }
            (false, false) if done + newer == 0 => ReleaseState::Absent,
            _ => ReleaseState::Partial,
        }
    }
}

/// Names exactly this list of package files: SHA-256, hexadecimal. Stage and completion record carry it.
pub(crate) fn list_digest(list: &[Package]) -> String {
    let mut lines: Vec<String> = list
        .iter()
        .map(|p| format!("{} {} {} {} {}\n", p.name, p.architecture, p.version, p.sha256, p.size_bytes))
        .collect();
    lines.sort();
    hex::encode(Sha256::digest(lines.concat()))
}

/// The name of a package's file, as apt writes it: the epoch's colon can't stand in a file name.
pub(crate) fn file_name(package: &Package) -> String {
    format!("{}_{}_{}.deb", package.name, package.version.replace(':', "%3a"), package.architecture)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, from: &str, to: &str) -> Package {
        Package {
            name: name.into(),
            architecture: "amd64".into(),
            version: to.into(),
            from: Some(from.into()),
            sha256: "00".repeat(32),
            size_bytes: 1,
            origin: "o=x,n=y".into(),
        }
    }

    fn dpkg(lines: &[(&str, &str, &str)]) -> Dpkg {
        let text: String =
            lines.iter().map(|(n, v, s)| format!("{n}\tamd64\t{v}\tinstall\t{s}\tok\n")).collect();
        Dpkg::parse(&text).unwrap()
    }

    #[test]
    fn held_and_broken_packages_are_named() {
        let text = "a\tamd64\t1\thold\tinstalled\tok\nb\tamd64\t1\tinstall\thalf-configured\tok\n\
                    c\tamd64\t1\tinstall\tinstalled\treinstreq\nd\tamd64\t1\tdeinstall\tconfig-files\tok\n\
                    e\tall\t1\tinstall\ttriggers-pending\tok\n";
        assert_eq!(
            Dpkg::parse(text).unwrap().troubles(),
            [
                Trouble::PackagesHeld { packages: vec!["a".into()] },
                Trouble::PackagesBroken { packages: vec!["b".into(), "c".into(), "e".into()] },
            ]
        );
        assert!(Dpkg::parse("").is_err());
        assert!(Dpkg::parse("a b c\n").is_err());
    }

    #[test]
    fn a_release_is_whole_only_with_every_version_and_its_record() {
        let list = [package("a", "1", "2"), package("b", "1", "2")];
        let record = list_digest(&list);
        let state =
            |lines: &[(&str, &str, &str)], record: Option<&str>| dpkg(lines).release_state(&list, record);
        let (old, new) = (("a", "1", "installed"), ("a", "2", "installed"));
        assert_eq!(state(&[old, ("b", "1", "installed")], None), ReleaseState::Absent);
        assert_eq!(state(&[new, ("b", "1", "installed")], None), ReleaseState::Partial);
        assert_eq!(state(&[new, ("b", "2", "installed")], None), ReleaseState::Partial, "no record");
        assert_eq!(state(&[new, ("b", "2", "installed")], Some("other")), ReleaseState::Partial);
        assert_eq!(state(&[new, ("b", "2", "installed")], Some(&record)), ReleaseState::Installed);
        assert_eq!(state(&[new, ("b", "2", "half-configured")], Some(&record)), ReleaseState::Partial);
        assert_eq!(state(&[old, ("b", "1", "unpacked")], None), ReleaseState::Partial);
        assert_eq!(state(&[new, ("b", "3", "installed")], None), ReleaseState::Newer);
        assert_eq!(dpkg(&[old]).release_state(&[], None), ReleaseState::Installed);
    }

    #[test]
    fn a_wanted_downgrade_is_not_newer() {
        let list = [package("a", "3", "2")];
        assert_eq!(dpkg(&[("a", "3", "installed")]).release_state(&list, None), ReleaseState::Absent);
    }

    #[test]
    fn the_digest_names_the_files_and_not_their_order() {
        let (a, b) = (package("a", "1", "2"), package("b", "1", "2"));
        assert_eq!(list_digest(&[a.clone(), b.clone()]), list_digest(&[b.clone(), a.clone()]));
        let other = Package { sha256: "11".repeat(32), ..b.clone() };
        assert_ne!(list_digest(&[a.clone(), b]), list_digest(&[a.clone(), other]));
        assert_eq!(file_name(&package("x", "1", "1:2.3-1")), "x_1%3a2.3-1_amd64.deb");
    }
}
