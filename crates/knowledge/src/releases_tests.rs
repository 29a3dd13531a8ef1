//! The catalogue is consistent with itself, with the table of builds and with the sources.

use std::collections::BTreeSet;

use super::*;
use crate::{Certainty, ExitMeaning, RowKind, VersionText, builds};

fn get(id: &str) -> &'static Release {
    releases().get(id).unwrap()
}

#[test]
fn every_entry_is_consistent() {
    let file: File = toml::from_str(include_str!("../data/releases.toml")).unwrap();
    assert_eq!(file.release.len(), releases().iter().count(), "an id is there twice");
    for release in releases().iter() {
        let id = &release.id;
        assert!(id.as_str().starts_with(&release.product), "{id}");
        assert!(releases().exit_codes.contains_key(&release.exit_codes), "{id}: {}", release.exit_codes);
        assert_eq!(release.references().count(), release.references.len(), "{id}: a reference leads nowhere");
        assert_eq!(release.service_pack > 0, release.kind.is_service_pack(), "{id}");
        assert!(release.from.below.is_none_or(|below| release.from.at_least < below), "{id}");
        assert!(!release.proofs.is_empty(), "{id}: nothing proves it");
        assert_eq!(
            release.group_proofs.is_empty(),
            !(release.needs_group_upgrade() && release.kind.is_service_pack()),
            "{id}"
        );
        for needed in release.needs.iter().chain(release.prerequisites.iter().map(|need| &need.release)) {
            assert!(releases().get(needed.as_str()).is_some(), "{id} needs {needed}");
        }
        let cited = [&release.one_way.source, &release.group_upgrade.source, &release.installer.source]
            .into_iter()
            .chain(release.contained_from.iter().map(|contained| &contained.source))
            .chain(release.logs.iter().map(|log| &log.source))
            .chain(release.proofs.iter().chain(&release.group_proofs).map(|proof| &proof.source))
            .chain(release.prerequisites.iter().map(|need| &need.source))
            .chain(release.exit_codes().iter().map(|code| &code.source));
        for source in cited {
            assert!(sources().get(source).is_some(), "{id}: {source}");
        }
    }
}

#[test]
fn builds_are_those_of_the_table() {
    let mut seen = BTreeSet::new();
    for release in releases().iter().filter(|release| release.product.starts_with("exchange")) {
        let Some(to) = release.to_build else { continue };
        let rows = builds().get(to);
        assert!(!rows.is_empty(), "{}: {to} isn't in builds.tsv", release.id);
        assert!(rows.iter().all(|row| row.product_id() == release.product), "{}", release.id);
        if release.kind.is_service_pack() {
            assert!(rows.iter().any(|row| row.kind == RowKind::ServicePack), "{}", release.id);
            assert_eq!(release.from.below, Some(to), "{}", release.id);
        } else {
            assert!(rows.iter().any(|row| row.kb == release.kb.as_deref()), "{}", release.id);
        }
        seen.insert(to.to_string());
    }
    assert!(seen.contains("6.5.7226.6") && seen.contains("6.5.7638.2"), "{seen:?}");
}

#[test]
fn a_service_packs_proofs_name_its_build() {
    for release in releases().iter().filter(|release| release.kind.is_service_pack()) {
        let to = release.to_build.unwrap();
        for proof in release.proofs.iter().chain(&release.group_proofs) {
            match &proof.what {
                ProofKind::RegistryValue { name, value, .. } if name == "ServicePackNumber" => {
                    assert_eq!(*value, release.service_pack, "{}", release.id);
                }
                ProofKind::RegistryValue { value, .. } => assert_eq!(*value, to.number(), "{}", release.id),
                ProofKind::FileVersion { at_least, .. } => assert_eq!(*at_least, to, "{}", release.id),
                ProofKind::DirectorySerial { text } => assert_eq!(
                    text.parse(),
                    Ok(VersionText { build: to, service_pack: release.service_pack }),
                    "{}",
                    release.id
                ),
                ProofKind::RegistryKey { .. } => panic!("{}: that is how hotfixes are recorded", release.id),
            }
        }
    }
}

/// A hotfix for a server at service pack n is recorded below the key of service pack n + 1 (MS06-019 and others).
#[test]
fn a_hotfix_is_recorded_below_the_next_service_pack() {
    for (id, key) in [
        ("exchange-2003-kb916803", r"HKLM\SOFTWARE\Microsoft\Updates\Exchange Server 2003\SP3\KB916803"),
        ("exchange-2003-kb889528", r"HKLM\SOFTWARE\Microsoft\Updates\Exchange Server 2003\SP2\KB889528"),
        ("exchange-2000-kb931832", r"HKLM\SOFTWARE\Microsoft\Updates\Exchange Server 2000\SP4\KB931832"),
        ("exchange-5.5-kb894689", r"HKLM\SOFTWARE\Microsoft\Updates\Exchange Server 5.5\SP5\894689"),
    ] {
        assert_eq!(get(id).proofs[0].what, ProofKind::RegistryKey { key: key.to_owned() }, "{id}");
    }
    for release in releases().iter().filter(|release| !release.kind.is_service_pack()) {
        let record = release.proofs.iter().find_map(|proof| match &proof.what {
            ProofKind::RegistryKey { key } => key.rsplit('\\').next(),
            _ => None,
        });
        // Of 5.5 the bare number.
        let kb = release.kb.as_deref().map(|kb| match release.product.as_str() {
            "exchange-5.5" => kb.trim_start_matches("KB"),
            _ => kb,
        });
        assert_eq!(record, kb, "{}", release.id);
    }
}

#[test]
fn only_verified_commands_are_for_machines_unless_policy_says_so() {
    let hotfix = &get("exchange-2003-kb916803").installer;
    let command = hotfix.machine_command(false).unwrap();
    assert_eq!(
        command.fill(&[("media", r"C:\stage"), ("lang", "JPN"), ("log", r"C:\stage\kb.log")]).unwrap(),
        r#""C:\stage\Exchange2003-KB916803-x86-JPN.exe" /quiet /norestart /log:"C:\stage\kb.log""#
    );
    assert_eq!(command.certainty, Certainty::Verified);
    let fix = &get("windows-2003-kb831464").installer;
    assert_eq!(fix.machine_command(false), None);
    assert!(fix.machine_command(true).is_some());
    for service_pack in releases().iter().filter(|release| release.kind.is_service_pack()) {
        assert_eq!(service_pack.installer.machine_command(true), None, "no unattended switch is known");
    }
}

#[test]
fn exit_codes_say_what_is_known() {
    let hotfix = get("exchange-2003-kb916803");
    let meaning = |code| hotfix.exit_code(code).map(|known| known.meaning);
    assert_eq!(meaning(0), Some(ExitMeaning::Done));
    assert_eq!(meaning(3010), Some(ExitMeaning::DoneRestartNeeded));
    assert!(meaning(1641).is_some_and(ExitMeaning::is_success));
    assert!(!meaning(1603).is_some_and(ExitMeaning::is_success));
    assert_eq!(meaning(194), None, "3010 cut to eight bits is nothing that an installer says");
    assert!(get("exchange-2003-sp2").exit_codes().is_empty());
}

#[test]
fn the_cluster_service_is_in_the_state_that_the_article_asks() {
    assert_eq!(get("exchange-2003-sp2").cluster_service(), ClusterServiceState::Stopped);
    assert_eq!(get("exchange-2003-sp2").cluster_service_on_active_node(), None);
    assert_eq!(get("exchange-5.5-sp4").cluster_service_on_active_node(), Some(ClusterServiceState::Running));
    let on_active = releases().iter().filter(|release| release.cluster_service_on_active_node().is_some());
    assert_eq!(on_active.count(), 1, "5.5 alone has an active-node rule");
}

#[test]
fn a_pattern_is_installed_only_with_a_number() {
    assert_eq!(releases().resolve("exchange-2003-sp2-hotfix"), None);
    assert_eq!(releases().resolve("exchange-2003-sp2-hotfix:"), None);
    assert_eq!(releases().resolve("exchange-2003-sp2-hotfix:KB12345a"), None);
    assert_eq!(releases().resolve(r"exchange-2003-sp2-hotfix:KB123456\x"), None);
    assert_eq!(releases().resolve("exchange-2003-sp2:KB123456"), None, "no pattern");
    let release = releases().resolve("exchange-2003-sp2-hotfix-exsetdata:KB999999").unwrap();
    assert_eq!(release.id.as_str(), "exchange-2003-sp2-hotfix-exsetdata:KB999999");
    assert_eq!(release.kb.as_deref(), Some("KB999999"));
    assert!(release.needs_group_upgrade() && !release.pattern);
    assert!(release.installer.instruction.contains(r"{media}\Exchange2003-KB999999-x86-{lang}.exe"));
    assert!(!format!("{release:?}").contains("{kb}"), "{release:?}");
}

#[test]
fn the_iis_fix_comes_before_a_2003_service_pack_on_windows_2003_alone() {
    for id in ["exchange-2003-sp1", "exchange-2003-sp2"] {
        let [need] = get(id).prerequisites.as_slice() else { panic!("{id}") };
        assert_eq!(need.release.as_str(), "windows-2003-kb831464");
        assert!(need.restart_after && need.same_drain && need.holds_on("windows-2003"));
        assert!(!need.holds_on("windows-2000"));
    }
    assert_eq!(get("windows-2003-kb831464").restart, Restart::Always);
}
