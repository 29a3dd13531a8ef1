//! What to end before a service pack: services and programs that stand in the way (ALL-AV-OFF); `data/services.tsv`.

use std::sync::LazyLock;

use crate::Certainty;

/// A product whose services or programs are ended before a service pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEntry {
    /// `antivirus-exchange`, `antivirus-file`, `backup`, `monitoring`, `snmp`, `archive`, `installer`, `other`.
    pub category: &'static str,
    /// The product's name.
    pub product: &'static str,
    /// Service names; `*` stands for anything.
    pub services: Vec<&'static str>,
    /// Image names, and a word that must stand in the command line (empty: none).
    pub processes: Vec<(&'static str, &'static str)>,
    /// Words of display names.
    pub display: Vec<&'static str>,
    /// What is done about it.
    pub advice: Advice,
    /// What to know about it; empty: nothing.
    pub remark: &'static str,
    /// Where it was read.
    pub source: &'static str,
    /// How certain the names are.
    pub certainty: Certainty,
}

/// What is done about a service or program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Advice {
    /// Stop the service; start it again afterwards.
    Stop,
    /// End the program.
    End,
    /// Wait until it has ended.
    Wait,
    /// Don't touch it; only look at it.
    Leave,
    /// It can't be stopped as a service: exclusions or maintenance mode in its own console.
    Console,
    /// Ask the administrator.
    Ask,
}

impl Advice {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "stop" => Self::Stop,
            "end" => Self::End,
            "wait" => Self::Wait,
            "leave" => Self::Leave,
            "console" => Self::Console,
            "ask" => Self::Ask,
            _ => return None,
        })
    }
}

/// How an entry was recognised, surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecognisedBy {
    /// By the service's name.
    ServiceName,
    /// By a word in its display name.
    DisplayName,
}

/// The list; an open one: what isn't in it may stand in the way as well.
#[derive(Debug)]
pub struct ServicesToStop {
    entries: Vec<ServiceEntry>,
}

static SERVICES: LazyLock<ServicesToStop> =
    LazyLock::new(|| ServicesToStop::read(include_str!("../data/services.tsv")));

/// The services and programs that are ended before a service pack.
#[must_use]
pub fn services_to_stop() -> &'static ServicesToStop {
    &SERVICES
}

impl ServicesToStop {
    /// # Panics
    /// On a malformed row; the tests below read the embedded file.
    fn read(text: &'static str) -> Self {
        let rows = text.lines().filter(|line| !line.starts_with('#')).skip(1);
        let entries = rows
            .map(|line| row(line).unwrap_or_else(|| panic!("embedded file services.tsv: {line}")))
            .collect();
        Self { entries }
    }

    /// All entries, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &ServiceEntry> {
        self.entries.iter()
    }

    /// Recognises a service by its name, else by a word in its display name; case doesn't matter.
    #[must_use]
    pub fn service(&self, name: &str, display: &str) -> Option<(&ServiceEntry, RecognisedBy)> {
        let by_name =
            self.iter().find(|entry| entry.services.iter().any(|pattern| name_matches(pattern, name)));
        if let Some(entry) = by_name {
            return Some((entry, RecognisedBy::ServiceName));
        }
        let by_display = self.iter().find(|entry| entry.display.iter().any(|word| has_word(display, word)));
        by_display.map(|entry| (entry, RecognisedBy::DisplayName))
    }

    /// Recognises a running program by its image name and command line; case doesn't matter.
    #[must_use]
    pub fn process(&self, image: &str, command_line: &str) -> Option<&ServiceEntry> {
        let command_line = command_line.to_lowercase();
        self.iter().find(|entry| {
            entry.processes.iter().any(|(pattern, word)| {
                name_matches(pattern, image) && command_line.contains(&word.to_lowercase())
            })
        })
    }
}

/// `*` stands for anything; case doesn't matter.
fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == name;
    };
    name.strip_prefix(head).is_some_and(|rest| rest.ends_with(tail))
}

/// Whether a text holds a word: not as a part of a longer one, where the script has letters with spaces between words.
fn has_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    text.match_indices(&word).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        ![before, after].into_iter().flatten().any(|char| char.is_ascii_alphanumeric())
    })
}

fn row(line: &'static str) -> Option<ServiceEntry> {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[category, product, services, processes, display, advice, remark, source, certainty] =
        fields.as_slice()
    else {
        return None;
    };
    Some(ServiceEntry {
        category,
        product,
        services: list(services),
        processes: list(processes).into_iter().map(|one| one.split_once(' ').unwrap_or((one, ""))).collect(),
        display: list(display),
        advice: Advice::read(advice)?,
        remark,
        source,
        certainty: certainty.parse().ok()?,
    })
}

fn list(text: &'static str) -> Vec<&'static str> {
    text.split(", ").filter(|one| !one.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn product(name: &str, display: &str) -> Option<(&'static str, RecognisedBy)> {
        services_to_stop().service(name, display).map(|(entry, by)| (entry.product, by))
    }

    #[test]
    fn the_whole_file_is_read_and_consistent() {
        assert_eq!(services_to_stop().iter().count(), 45);
        let mut names = BTreeSet::new();
        for entry in services_to_stop().iter() {
            for service in &entry.services {
                assert!(names.insert(service.to_lowercase()), "{service} is there twice");
            }
            let silent = entry.services.is_empty() && entry.processes.is_empty() && entry.display.is_empty();
            assert_eq!(
                silent,
                entry.product.starts_with("Exchange VSAPI"),
                "{}: never recognised",
                entry.product
            );
            assert!(!entry.source.is_empty(), "{}", entry.product);
        }
    }

    #[test]
    fn services_are_recognised_by_name_first() {
        assert_eq!(product("snmp", "SNMP Service"), Some(("Windows SNMP", RecognisedBy::ServiceName)));
        assert_eq!(product("GxCVD(Instance002)", ""), Some(("Commvault", RecognisedBy::ServiceName)));
        assert_eq!(
            product("VendorX1", "Symantec AntiVirus Client"),
            Some(("Norton/Symantec AntiVirus", RecognisedBy::DisplayName))
        );
        assert_eq!(
            product("x", "なんとかウイルス対策"),
            Some(("Any other antivirus program", RecognisedBy::DisplayName))
        );
        assert_eq!(product("MSExchangeIS", "Microsoft Exchange Information Store"), None);
        assert_eq!(product("x", "Moment Service"), None, "MOM is a word of its own");
        assert_eq!(services_to_stop().service("VSS", "").map(|(entry, _)| entry.advice), Some(Advice::Leave));
    }

    #[test]
    fn programs_are_recognised_by_image_and_command_line() {
        let product = |image, line| services_to_stop().process(image, line).map(|entry| entry.product);
        assert_eq!(product("NTBACKUP.EXE", "ntbackup.exe"), Some("ntbackup"));
        assert_eq!(
            product("mmc.exe", r"mmc.exe C:\WINDOWS\system32\perfmon.msc"),
            Some("Performance Monitor")
        );
        assert_eq!(product("mmc.exe", r"mmc.exe C:\WINDOWS\system32\compmgmt.msc"), None);
        assert_eq!(product("update.exe", "update.exe"), Some("Other installers running in parallel"));
        assert_eq!(product("svchost.exe", "svchost.exe -k netsvcs"), None);
    }
}
