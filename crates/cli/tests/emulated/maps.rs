//! The schema maps of the Active Directory Connector (E03-ADC-MAPS, E00-ADC-MAPS): saved from a real LDAP server, which is
//! only read; and the connector's place in a run.

use std::process::Command;

use crate::kit::{Setup, Site, rehearse, said, told};

const ALONE: &str = include_str!("../../../../examples/exchange-2003-stand-alone.toml");

#[test]
fn the_maps_are_saved_with_a_digest_and_nothing_is_written() {
    let Some(site) = Site::with_directory(Setup::service_pack("NODE1")) else { return };
    let slapd = site.slapd.as_ref().unwrap();
    let run = |out: &str| site.run(&["maps", "estate.toml", "--out", out]);

    // Nothing is there yet: nothing is written, and it says what may be the matter.
    let (code, text) = said(&run("maps.ldif"));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("may not read its objects") && !site.path("maps.ldif").exists(), "{text}");

    // Of the two maps one is shown.
    site.runtime.block_on(slapd.half_a_map());
    let (code, text) = said(&run("maps.ldif"));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no object shows msExchServer2SchemaMap"), "{text}");
    assert!(!site.path("maps.ldif").exists(), "{text}");

    // The second map is Japanese, longer than a line, and ends as no plain value of LDIF may.
    let from_55 = format!("local##{}", "営業部 ".repeat(40));
    site.runtime.block_on(slapd.map("remote##mail##rfc822Mailbox#", &from_55));
    let before = site.runtime.block_on(slapd.all());
    let (code, text) = said(&run("maps.ldif"));
    assert_eq!(code, Some(0), "{text}");
    let saved = std::fs::read_to_string(site.path("maps.ldif")).unwrap();
    assert!(text.contains("Default ADC Policy"), "{text}");
    let sum = Command::new("sha256sum").arg(site.path("maps.ldif")).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert!(text.contains(&format!("SHA-256 {}", sum.split(' ').next().unwrap())), "{sum} {text}");
    let flat = saved.replace("\n ", "");
    assert!(flat.contains("msExchServer1SchemaMap: remote##mail##rfc822Mailbox#\n"), "{saved}");
    assert!(flat.contains("msExchServer2SchemaMap:: bG9jYWwjI"), "{saved}");
    assert!(saved.lines().all(|line| line.len() <= 76), "{saved}");

    // A file that is there is never overwritten.
    let (code, text) = said(&run("maps.ldif"));
    assert!(text.contains("name another file"), "{text}");
    assert_eq!((code, std::fs::read_to_string(site.path("maps.ldif")).unwrap()), (Some(1), saved));
    // Stamps and sequence numbers among what is compared: nobody wrote anything.
    assert_eq!(site.runtime.block_on(slapd.all()), before);
}

#[test]
fn without_a_directory_it_says_how_to_name_one() {
    let site = Site::new(Setup::service_pack("NODE1"));
    let (code, text) = said(&site.run(&["maps", "estate.toml", "--out", "maps.ldif"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no directory is named") && text.contains("--directory ldap://HOST"), "{text}");
}

/// E03-ADC: found by its service, its maps are saved and its own set-up is run before that of the service pack.
#[test]
fn the_connector_is_found_and_upgraded_first() {
    let node = ALONE.find("[rehearsal.nodes.").unwrap();
    let end = ALONE[node..].find('\n').unwrap() + node;
    let estate = format!("{}\nservices = [\"MSADC\"]{}", &ALONE[..end], &ALONE[end..]);
    let output = rehearse(&estate, "exchange-2003-sp2", &["--runbook"]);
    let (_, text) = said(&output);
    for rule in ["E03-ADC (", "E03-ADC-MAPS (", "E03-ADC-LDAP-WARN (", "KB306505 (", "KB255602 ("] {
        assert!(text.contains(rule), "{rule}: {text}");
    }
    let told = told(&output);
    let place = |what: &str| told.iter().position(|line| line.contains(what)).unwrap();
    let maps = place("attest: Save the schema maps of the Active Directory Connector");
    let set_up = place("attest: Upgrade the Active Directory Connector by its own set-up");
    assert!(maps < set_up && set_up < place("update.exe"), "{told:#?}");
    let without = crate::kit::told(&rehearse(ALONE, "exchange-2003-sp2", &[]));
    assert!(!without.iter().any(|line| line.contains("Connector")), "{without:#?}");
}
