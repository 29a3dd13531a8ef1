//! Does a release fit what is installed?

use std::collections::BTreeSet;

use crate::{Build, Release, ReleaseId, builds, releases};

/// What is installed on a server, of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed<'a> {
    /// The product: `exchange-2003`.
    pub product: &'a str,
    /// Its build. None: it was not learned.
    pub build: Option<Build>,
    /// Hotfixes by KB number, from their records in the registry: `KB916803`.
    pub hotfixes: BTreeSet<&'a str>,
}

/// Whether a release fits what is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It can be installed.
    Installable,
    /// It is there, or contained in what is there.
    AlreadyInstalled,
    /// Something newer is there; the release is older than that.
    Older {
        /// What is there.
        installed: Build,
    },
    /// It is for another product.
    WrongProduct,
    /// These must be installed before it, in this order.
    NeedsFirst(Vec<ReleaseId>),
    /// What is installed was not learned, so nothing can be said.
    Unknown,
}

impl Release {
    /// Whether this release fits what is installed. Prerequisites in other products are another question
    /// ([`Release::prerequisites`]).
    #[must_use]
    pub fn fits(&self, installed: &Installed<'_>) -> Fit {
        if installed.product != self.product {
            return Fit::WrongProduct;
        }
        if self.kb.as_deref().is_some_and(|kb| installed.hotfixes.contains(kb)) {
            return Fit::AlreadyInstalled;
        }
        let Some(build) = installed.build else {
            return Fit::Unknown;
        };
        if self.contained_from.as_ref().is_some_and(|from| build >= from.build) {
            return Fit::AlreadyInstalled;
        }
        let missing: Vec<ReleaseId> =
            self.needs.iter().filter(|id| !is_there(id, installed)).cloned().collect();
        if !missing.is_empty() || build < self.from.at_least {
            return Fit::NeedsFirst(missing);
        }
        if self.from.below.is_none_or(|below| build < below) {
            return Fit::Installable;
        }
        // Above the range: for a service pack or rollup the build itself tells whether it is the one that is there.
        let stands_on = if self.kind.is_service_pack() {
            builds().level(build).map(|level| level.build)
        } else {
            Some(build)
        };
        match self.to_build {
            Some(to) if stands_on == Some(to) => Fit::AlreadyInstalled,
            _ => Fit::Older { installed: build },
        }
    }
}

/// Whether a needed release, or anything newer of its line, is there.
fn is_there(id: &ReleaseId, installed: &Installed<'_>) -> bool {
    let Some(needed) = releases().get(id.as_str()) else {
        return false;
    };
    matches!(needed.fits(installed), Fit::AlreadyInstalled | Fit::Older { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(release: &str, product: &str, build: &str, hotfixes: &[&str]) -> Fit {
        let installed =
            Installed { product, build: build.parse().ok(), hotfixes: hotfixes.iter().copied().collect() };
        releases().resolve(release).unwrap().fits(&installed)
    }

    fn needs(ids: &[&str]) -> Fit {
        Fit::NeedsFirst(ids.iter().map(|id| ReleaseId::new(*id).unwrap()).collect())
    }

    #[test]
    fn service_packs() {
        let fit = |release, build| fit(release, "exchange-2003", build, &[]);
        assert_eq!(fit("exchange-2003-sp2", "6.5.7226.6"), Fit::Installable);
        assert_eq!(fit("exchange-2003-sp2", "6.5.6944.4"), Fit::Installable, "SP2 without SP1");
        assert_eq!(fit("exchange-2003-sp2", "6.5.7235.2"), Fit::Installable, "SP1 and a security update");
        assert_eq!(fit("exchange-2003-sp2", "6.5.7638.2"), Fit::AlreadyInstalled);
        assert_eq!(
            fit("exchange-2003-sp2", "6.5.7650.28"),
            Fit::AlreadyInstalled,
            "SP2 and a security update"
        );
        assert_eq!(
            fit("exchange-2003-sp1", "6.5.7638.2"),
            Fit::Older { installed: Build::new(6, 5, 7638, 2) }
        );
        assert_eq!(fit("exchange-2003-sp1", "6.5.7226.6"), Fit::AlreadyInstalled);
        assert_eq!(fit("exchange-2003-sp2", "unknown"), Fit::Unknown);
    }

    #[test]
    fn hotfixes() {
        let fit = |release, build, hotfixes: &[&str]| fit(release, "exchange-2003", build, hotfixes);
        assert_eq!(fit("exchange-2003-kb916803", "6.5.7638.2", &[]), Fit::Installable);
        assert_eq!(fit("exchange-2003-kb916803", "6.5.7650.28", &["KB912442"]), Fit::Installable);
        assert_eq!(fit("exchange-2003-kb916803", "6.5.7638.2", &["KB916803"]), Fit::AlreadyInstalled);
        assert_eq!(fit("exchange-2003-kb916803", "6.5.7226.6", &[]), needs(&["exchange-2003-sp2"]));
        assert_eq!(
            fit("exchange-2003-kb889528", "6.5.7638.2", &[]),
            Fit::Older { installed: Build::new(6, 5, 7638, 2) },
            "a hotfix for SP1 on SP2"
        );
        assert_eq!(
            fit("exchange-2003-sp2-hotfix:KB999999", "6.5.7638.2", &["KB999999"]),
            Fit::AlreadyInstalled
        );
    }

    #[test]
    fn what_is_needed_first_comes_in_order() {
        let fit = |build| fit("exchange-2000-kb931832", "exchange-2000", build, &[]);
        assert_eq!(fit("6.0.5762.4"), needs(&["exchange-2000-sp3", "exchange-2000-kb870540"]));
        assert_eq!(fit("6.0.6249.4"), needs(&["exchange-2000-kb870540"]));
        assert_eq!(fit("6.0.6603.1"), Fit::Installable);
        assert_eq!(fit("6.0.6617.47"), Fit::Installable);
    }

    #[test]
    fn other_products() {
        assert_eq!(fit("exchange-2003-sp2", "exchange-2000", "6.0.6249.4", &[]), Fit::WrongProduct);
        let windows = |build| fit("windows-2003-kb831464", "windows-2003", build, &[]);
        assert_eq!(windows("5.2.3790.0"), Fit::Installable);
        assert_eq!(windows("5.2.3790.1830"), Fit::AlreadyInstalled, "Windows Server 2003 SP1 contains it");
        assert_eq!(fit("exchange-5.5-sp4", "exchange-5.5", "5.5.2650.24", &[]), Fit::Installable);
    }
}
