//! The register is whole: ids listed by hand.

use std::collections::BTreeSet;

use super::*;
use crate::releases;

const IDS: &[&str] = &[
    // All versions
    "ALL-TEST-FIRST",
    "ALL-AV-OFF",
    "ALL-FILE-IN-USE",
    "ALL-ONE-INSTALLER",
    "ALL-NO-UNINSTALL",
    "ALL-SERVICES-STOP",
    "ALL-CLU-NO-REBOOT",
    "ALL-CLU-STOP",
    "ALL-CLU-STORE",
    "ALL-NOTES-AND-SECTION",
    "ALL-SCOPE",
    // Exchange Server 2003
    "E03-BACKUP",
    "E03-RELEASE-NOTES",
    "E03-BACKUP-AFTER",
    "E03-ADC",
    "E03-ADC-MAPS",
    "E03-ADC-LDAP-WARN",
    "E03-ALONE",
    "E03-ALONE-REBOOT",
    "E03-FE-FIRST",
    "E03-FE-TOGETHER",
    "E03-FE-SYNCKEY",
    "E03-CLU-TWO-STAGES",
    "E03-CLU-ONE-NODE",
    "E03-CLU-MOVE-EVS",
    "E03-CLU-W2K-CLEAN",
    "E03-CLU-IIS-FIX",
    "E03-CLU-01-MOVE",
    "E03-CLU-02-EMPTY",
    "E03-CLU-03-STOP",
    "E03-CLU-04-INSTALL",
    "E03-CLU-05-REBOOT",
    "E03-CLU-ADMIN-NODE",
    "E03-CLU-06-OFFLINE",
    "E03-CLU-07-START",
    "E03-CLU-08-MOVE-BACK",
    "E03-CLU-09-UPGRADE-EVS",
    "E03-CLU-10-ONLINE",
    "E03-CLU-11-PINNED",
    "E03-CLU-12-OTHER-NODE",
    "E03-CLU-13-REPEAT",
    "E03-CLU-14-FAILOVER",
    "E03-CLU-15-VERSION",
    "E03-DIAG-1025",
    "E03-DIAG-C1037B44",
    "E03-EVS-CONDITIONS",
    "E03-SBS",
    // Exchange 2000 Server
    "E00-BACKUP",
    "E00-RELEASE-NOTES",
    "E00-BACKUP-AFTER",
    "E00-ADC",
    "E00-ADC-MAPS",
    "E00-ADC-LDAP-WARN",
    "E00-ALONE",
    "E00-VERSION",
    "E00-FE-FIRST",
    "E00-OWA-SCRIPTS",
    "E00-AP-PASSIVE-FIRST",
    "E00-AP-STORE-UPGRADE",
    "E00-AP-HOTFIX-STOP",
    "E00-AA-CONSOLIDATE",
    "E00-SBS",
    "E00-SBS-SP1",
    "E00-SP1-SETUP-ERRORS",
    // Exchange Server 5.5
    "E55-BACKUP",
    "E55-RELEASE-NOTES",
    "E55-PERFWIZ",
    "E55-BACKUP-AFTER",
    "E55-EXTRAS",
    "E55-ALONE",
    "E55-CLU-ACTIVE-FIRST",
    "E55-CLU-INTERRUPTION",
    "E55-SBS",
];

#[test]
fn the_register_has_exactly_these_rows_in_this_order() {
    assert_eq!(IDS.len(), 73);
    let ids: Vec<&str> = rules().iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, IDS);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 73, "an id is there twice");
}

#[test]
fn every_row_is_well_formed() {
    for rule in rules().iter() {
        let product = match rule.id.split('-').next() {
            Some("ALL") => "all",
            Some("E03") => "exchange-2003",
            Some("E00") => "exchange-2000",
            _ => "exchange-5.5",
        };
        assert_eq!(rule.product, product, "{}", rule.id);
        assert!(rule.text.len() > 15 && rule.text.is_ascii(), "{}", rule.id);
        assert_eq!(
            rule.references().count(),
            rule.reference_ids.len(),
            "{}: a reference leads nowhere",
            rule.id
        );
        for id in &rule.reference_ids {
            assert!(
                id.strip_prefix("KB").is_some_and(|n| n.len() == 6 && n.parse::<u32>().is_ok()),
                "{}: {id}",
                rule.id
            );
        }
        assert!(rule.hotfix.is_none() || rule.scope == Scope::Sp, "{}", rule.id);
        // A KB number in the text is a reference too.
        for mention in rule.text.match_indices("KB ").map(|(at, _)| &rule.text[at + 3..]) {
            let number: String = mention.chars().take_while(char::is_ascii_digit).collect();
            assert!(rule.reference_ids.contains(&format!("KB{number}")), "{}: KB {number}", rule.id);
        }
    }
}

#[test]
fn the_steps_of_the_2003_cluster_section_are_all_there() {
    let steps: BTreeSet<u32> = rules()
        .iter()
        .filter(|rule| rule.product == "exchange-2003" && rule.section == "cluster")
        .flat_map(|rule| rule.steps.iter().copied())
        .collect();
    assert_eq!(steps, (1..=18).collect());
}

#[test]
fn only_rows_that_say_so_are_recommended() {
    let recommended: Vec<&str> =
        rules().iter().filter(|rule| rule.force == Force::Recommended).map(|rule| rule.id.as_str()).collect();
    assert_eq!(recommended, ["E03-CLU-ONE-NODE", "E03-CLU-MOVE-EVS", "E00-FE-FIRST"]);
    for rule in rules().iter() {
        assert_eq!(rule.text.contains("ecommended"), rule.force == Force::Recommended, "{}", rule.id);
    }
}

#[test]
fn force_depends_on_the_release() {
    let force = |rule: &str, release: &str| {
        rules().get(rule).unwrap().force_for(&releases().resolve(release).unwrap())
    };
    for (rule, sp, other_hotfix, store_hotfix) in [
        ("E03-BACKUP", Some(Force::Required), Some(Force::Recommended), Some(Force::Required)),
        ("E03-FE-FIRST", Some(Force::Required), Some(Force::Recommended), Some(Force::Recommended)),
        ("E03-CLU-09-UPGRADE-EVS", Some(Force::Required), None, None),
        ("E03-CLU-03-STOP", Some(Force::Required), Some(Force::Required), Some(Force::Required)),
        ("ALL-FILE-IN-USE", None, Some(Force::Required), Some(Force::Required)),
        ("E03-CLU-ONE-NODE", Some(Force::Recommended), Some(Force::Recommended), Some(Force::Recommended)),
        ("E00-BACKUP", None, None, None),
    ] {
        assert_eq!(force(rule, "exchange-2003-sp2"), sp, "{rule}");
        assert_eq!(force(rule, "exchange-2003-kb916803"), other_hotfix, "{rule}");
        assert_eq!(force(rule, "exchange-2003-kb912442"), store_hotfix, "{rule}");
    }
    assert_eq!(
        force("E03-CLU-09-UPGRADE-EVS", "exchange-2003-sp2-hotfix-exsetdata:KB999999"),
        Some(Force::Required),
        "a newer exsetdata.dll needs the upgrade"
    );
}

/// Where rows act is held to planner and lint by tests of theirs.
#[test]
fn rows_are_recognised_by_the_diagnoses_that_the_register_names() {
    let known = ["step ", "finding ", "lint ", "diagnosis ", "command "];
    for rule in rules().iter() {
        for place in &rule.in_force {
            assert!(known.iter().any(|kind| place.starts_with(kind)), "{}: {place}", rule.id);
        }
        let said: BTreeSet<&str> =
            rule.in_force.iter().filter_map(|p| p.strip_prefix("diagnosis ")).collect();
        let of_rule = crate::diagnoses().iter().filter(|d| d.rules.contains(&rule.id));
        let is: BTreeSet<&str> = of_rule.map(|d| d.id.as_str()).collect();
        assert_eq!(said, is, "{}", rule.id);
    }
}

/// A row that acts names tests, and those are there.
#[test]
fn the_tests_that_rows_name_are_there() {
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for rule in rules().iter() {
        assert_eq!(rule.in_force.is_empty(), rule.tests.is_empty(), "{}: what acts is tested", rule.id);
        for test in &rule.tests {
            let (file, name) = test.split_once("::").unwrap();
            let source =
                std::fs::read_to_string(crates.join(file)).unwrap_or_else(|why| panic!("{test}: {why}"));
            let there = source.contains(&format!("fn {name}("));
            assert!(there, "{}: there is no test {test}", rule.id);
        }
    }
}

/// In the article's own language, and not left in English.
#[test]
fn every_row_is_there_in_japanese() {
    for rule in rules().iter() {
        let ja = rule.ja.as_deref().unwrap_or_default();
        let kana = ja.chars().filter(|c| ('ぁ'..='ヿ').contains(c)).count();
        assert!(kana >= 8, "{}: {ja}", rule.id);
        // Numbers of articles, paths and attributes are the same in both.
        let marks = |text: &str| {
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '\\'));
            let telling = |word: &&str| {
                word.contains('\\') || word.len() >= 6 && word.bytes().all(|b| b.is_ascii_digit())
            };
            words.filter(telling).map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(marks(ja), marks(&rule.text), "{}", rule.id);
    }
}
