//! What apt prints: a simulated update, package records, origins.

use std::collections::{BTreeMap, BTreeSet};

/// A line of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Simulated {
    /// A package would be installed or updated.
    Install {
        /// The name without architecture.
        name: String,
        architecture: String,
        version: String,
        /// What is installed now.
        from: Option<String>,
    },
    /// A package would be removed.
    Remove {
        /// As apt names it.
        name: String,
    },
}

/// Reads `apt-get -s dist-upgrade`. Lines that aren't actions are passed over; an action that can't be read is an error.
pub(crate) fn simulation(text: &str) -> Result<Vec<Simulated>, String> {
    let mut actions = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("Inst ") {
            actions.push(install(rest).ok_or_else(|| format!("`{line}`"))?);
        } else if let Some(rest) = line.strip_prefix("Remv ").or_else(|| line.strip_prefix("Purg ")) {
            let name = rest.split_whitespace().next().ok_or_else(|| format!("`{line}`"))?;
            actions.push(Simulated::Remove { name: name.to_owned() });
        }
    }
    Ok(actions)
}

/// `NAME [OLD] (NEW ORIGINS [ARCHITECTURE]) […]`; without `[OLD]` for a new package.
fn install(rest: &str) -> Option<Simulated> {
    let (name, rest) = rest.split_once(' ')?;
    let (from, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("] ").map(|(from, rest)| (Some(from.to_owned()), rest))?,
        None => (None, rest),
    };
    // The parenthesis that belongs to the architecture; what follows it names packages that are broken meanwhile.
    let inside = rest.strip_prefix('(')?;
    let inside = &inside[..inside.rfind("])")?];
    let (version, _) = inside.split_once(' ')?;
    let (_, architecture) = inside.rsplit_once('[')?;
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    Some(Simulated::Install {
        name: name.to_owned(),
        architecture: architecture.to_owned(),
        version: version.to_owned(),
        from,
    })
}

/// The record of a package file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) architecture: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
    pub(crate) size_bytes: u64,
}

/// Reads `apt-cache show`. Records without a digest (the installed ones) are passed over.
pub(crate) fn records(text: &str) -> Vec<Record> {
    let record = |stanza: &str| {
        let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let sha256 = field("SHA256: ")?.to_ascii_lowercase();
        let whole = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
        Some(Record {
            name: field("Package: ")?.to_owned(),
            architecture: field("Architecture: ")?.to_owned(),
            version: field("Version: ")?.to_owned(),
            size_bytes: field("Size: ")?.parse().ok()?,
            sha256: whole.then_some(sha256)?,
        })
    };
    text.split("\n\n").filter_map(record).collect()
}

/// Where packages come from: origins by name and version, as apt's policy tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    /// By package (as apt names it, without architecture) and version.
    versions: BTreeMap<(String, String), BTreeSet<Origin>>,
    /// Origins of versions that are installed.
    pub(crate) installed: BTreeSet<Origin>,
}

/// An archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    /// `Origin:` of its Release file; None: it has none, or no Release file.
    pub(crate) origin: Option<String>,
    /// Its codename.
    codename: Option<String>,
    /// Its address, as the sources name it.
    site: String,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.origin, &self.codename) {
            (Some(origin), Some(codename)) => write!(f, "o={origin},n={codename}"),
            (Some(origin), None) => write!(f, "o={origin}"),
            (None, _) => f.write_str(&self.site),
        }
    }
}

impl Origin {
    /// Whether a policy's entry names it: whole, by its origin, or by its address.
    pub(crate) fn is_named(&self, entry: &str) -> bool {
        entry == self.to_string() || self.origin.as_deref() == Some(entry) || entry == self.site
    }

    /// Whether both are one publisher's: Debian's security archive is no new origin beside its main archive.
    pub(crate) fn is_of_the_same(&self, other: &Self) -> bool {
        match (&self.origin, &other.origin) {
            (Some(a), Some(b)) => a == b,
            (None, None) => self.site == other.site,
            _ => false,
        }
    }
}

impl Origins {
    /// Reads `apt-cache policy` without names (`files`) and with the names of packages.
    pub(crate) fn parse(files: &str, packages: &str) -> Self {
        let known = archives(files);
        let mut origins = Self::default();
        let (mut name, mut version) = ("", None::<(&str, bool)>);
        for line in packages.lines() {
            if let Some(package) = line.strip_suffix(':').filter(|package| !package.starts_with(' ')) {
                name = package.split_once(':').map_or(package, |(name, _)| name);
                version = None;
            } else if let Some((number, installed)) = table_version(line) {
                version = Some((number, installed));
            } else if let (Some((number, installed)), Some(file)) = (version, table_file(line)) {
                let Some(origin) = known.get(file) else { continue };
                origins
                    .versions
                    .entry((name.to_owned(), number.to_owned()))
                    .or_default()
                    .insert(origin.clone());
                if installed {
                    origins.installed.insert(origin.clone());
                }
            }
        }
        origins
    }

    /// Where a version can be had.
    pub(crate) fn of(&self, name: &str, version: &str) -> Vec<&Origin> {
        self.versions.get(&(name.to_owned(), version.to_owned())).into_iter().flatten().collect()
    }
}

/// ` *** 3.0.15 500` or `     3.0.16 500`: a line of the version table.
fn table_version(line: &str) -> Option<(&str, bool)> {
    let (rest, installed) = match line.strip_prefix(" *** ") {
        Some(rest) => (rest, true),
        None => (line.strip_prefix("     ").filter(|rest| !rest.starts_with(' '))?, false),
    };
    let (number, priority) = rest.split_once(' ')?;
    priority.trim().parse::<i32>().ok().map(|_| (number, installed))
}

/// `        500 http://… bookworm/main amd64 Packages`: where that version comes from.
fn table_file(line: &str) -> Option<&str> {
    let (priority, file) = line.strip_prefix("        ")?.trim_start().split_once(' ')?;
    priority.parse::<i32>().ok().map(|_| file)
}

/// Package files with their origins; the node's own status file is none.
fn archives(files: &str) -> BTreeMap<&str, Origin> {
    let mut known = BTreeMap::new();
    let mut file: Option<&str> = None;
    for line in files.lines() {
        let trimmed = line.trim_start();
        if let Some(release) = trimmed.strip_prefix("release ").filter(|_| line.starts_with("     ")) {
            if let Some(file) = file.take() {
                known.insert(file, origin(file, release));
            }
        } else if let Some((priority, rest)) = trimmed.split_once(' ') {
            let listed =
                line.starts_with(' ') && priority.parse::<i32>().is_ok() && rest != "/var/lib/dpkg/status";
            file = if listed { Some(rest) } else { None };
            if let Some(file) = file {
                // Until its release line is read, if it has one.
                known.insert(file, origin(file, ""));
            }
        }
    }
    known
}

fn origin(file: &str, release: &str) -> Origin {
    // Fields are one letter and `=`; a value may hold commas.
    let field = |letter: &str| {
        let mut at = 0;
        while let Some(found) = release[at..].find(letter).map(|i| at + i) {
            if found == 0 || release[..found].ends_with(',') {
                let value = &release[found + letter.len()..];
                let next = |i: usize| value[i + 1..].chars().nth(1) == Some('=');
                let end = value.match_indices(',').map(|(i, _)| i).find(|i| next(*i)).unwrap_or(value.len());
                return Some(value[..end].to_owned()).filter(|value| !value.is_empty());
            }
            at = found + letter.len();
        }
        None
    };
    let site = file.split(' ').next().unwrap_or(file).to_owned();
    Origin { origin: field("o="), codename: field("n="), site }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_simulation_is_read() {
        let text = "NOTE: This is only a simulation!\nReading package lists...\nRemv old-lib [1.0]\n\
            Inst libssl3 [3.0.15-1] (3.0.16-1 Debian:12.11/stable, Debian-Security:12/stable-security [amd64])\n\
            Inst libc6:i386 [1] (2 Kaketsugi Lab:lab [i386]) [libc6:amd64 on libc6:i386] []\n\
            Inst linux-image-6 (6.1 Debian:12/stable [all])\nConf libssl3 (3.0.16-1 Debian [amd64])\n";
        let install =
            |name: &str, architecture: &str, version: &str, from: Option<&str>| Simulated::Install {
                name: name.into(),
                architecture: architecture.into(),
                version: version.into(),
                from: from.map(str::to_owned),
            };
        assert_eq!(
            simulation(text).unwrap(),
            [
                Simulated::Remove { name: "old-lib".into() },
                install("libssl3", "amd64", "3.0.16-1", Some("3.0.15-1")),
                install("libc6", "i386", "2", Some("1")),
                install("linux-image-6", "all", "6.1", None),
            ]
        );
        assert!(simulation("Inst broken\n").is_err());
        assert!(simulation("").unwrap().is_empty());
    }

    #[test]
    fn records_need_a_whole_digest() {
        let stanza =
            |sha: &str| format!("Package: a\nArchitecture: amd64\nVersion: 1:2\nSize: 10\nSHA256: {sha}\n\n");
        let good = stanza(&"aB".repeat(32));
        assert_eq!(records(&good)[0].sha256, "ab".repeat(32));
        assert_eq!(records(&format!("{good}{good}")).len(), 2);
        assert!(records(&stanza("abc")).is_empty());
        assert!(records("Package: a\nVersion: 1\nStatus: install ok installed\n\n").is_empty());
    }

    const FILES: &str = "Package files:\n 100 /var/lib/dpkg/status\n     release a=now\n 500 file:/srv/repo ./ Packages\n     \
        release o=Kaketsugi Lab,a=lab,n=lab,l=Kaketsugi, Lab,c=\n     origin \n 500 http://x/debian bookworm/main amd64 Packages\n     \
        release v=12.11,o=Debian,a=stable,n=bookworm,l=Debian,c=main,b=amd64\n     origin x\n 500 http://y ./ Packages\n\
        Pinned packages:\n";
    const POLICY: &str = "openssl:\n  Installed: 3.0.15\n  Candidate: 3.0.16\n  Version table:\n     3.0.16 500\n        \
        500 file:/srv/repo ./ Packages\n *** 3.0.15 500\n        500 http://x/debian bookworm/main amd64 Packages\n        \
        100 /var/lib/dpkg/status\nodd:\n  Installed: (none)\n  Candidate: 1\n  Version table:\n     1 500\n        \
        500 http://y ./ Packages\n";

    #[test]
    fn origins_are_found_by_version() {
        let origins = Origins::parse(FILES, POLICY);
        let of = |name: &str, version: &str| {
            origins.of(name, version).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of("openssl", "3.0.16"), ["o=Kaketsugi Lab,n=lab"]);
        assert_eq!(of("openssl", "3.0.15"), ["o=Debian,n=bookworm"]);
        assert_eq!(of("odd", "1"), ["http://y"]);
        assert!(of("odd", "2").is_empty());
        assert_eq!(
            origins.installed.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["o=Debian,n=bookworm"]
        );
    }

    #[test]
    fn one_publisher_may_have_several_archives() {
        let origins = Origins::parse(FILES, POLICY);
        let (lab, debian) = (origins.of("openssl", "3.0.16")[0], origins.of("openssl", "3.0.15")[0]);
        assert!(
            lab.is_named("Kaketsugi Lab") && lab.is_named("o=Kaketsugi Lab,n=lab") && !lab.is_named("lab")
        );
        assert!(!lab.is_of_the_same(debian) && debian.is_of_the_same(debian));
        assert!(!origins.of("odd", "1")[0].is_of_the_same(debian));
    }

    proptest! {
        #[test]
        fn no_text_panics(a in "(Inst |[a-z]| |\\[|\\]|\\(|\\)|:|\n){0,40}", b in "(release |o=|,|é| {1,8}|[0-9]+|\\*\\*\\*|:|\n){0,40}") {
            let _ = simulation(&a);
            let _ = records(&a);
            let _ = Origins::parse(&b, &b);
            let _ = Origins::parse(&a, &b);
        }
    }
}
