//! Each kind of mistake by itself: a sound file with one thing changed gives that mistake at that place, and no other.

use std::collections::BTreeSet;

use kaketsugi_estate::file::{BYTES_MAX, Code, Mistakes, parse, parse_with_rules};

const SOUND: &str = r#"name = "e"
[[server]]
name = "n1"
address = "10.0.0.1"
product = "debian"
[[server]]
name = "n2"
address = "10.0.0.2"
product = "debian"
[[server]]
name = "NODE1"
address = "10.0.0.3"
product = "exchange-2003"
os = "windows-2003"
[[server]]
name = "NODE2"
address = "10.0.0.4"
product = "exchange-2003"
os = "windows-2000"
[[cluster]]
name = "mail"
kind = "pacemaker"
nodes = ["n1", "n2"]
[[cluster.group]]
name = "web"
preferred = ["n2"]
health = { command = "true", timeout-seconds = 5 }
[[cluster]]
name = "CLUS1"
kind = "windows"
nodes = ["NODE1", "NODE2"]
[[cluster.group]]
name = "EVS1"
[policy]
soak-seconds = 30
[[policy.waivers]]
rule = "SOFT"
by = "Sato"
reason = "tried"
[[evidence]]
kind = "full-backup"
at = "2026-11-22T01:00:00+09:00"
by = "Sato"
[[media]]
release = "r1"
path = 'D:\update.exe'
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[directory]
url = "ldap://dc1"
start-tls = true
account = { user = "mender@e", password-file = "/etc/pw" }
[scheduled-tasks]
user = 'E\mender'
password-env = "PW"
[rehearsal.nodes.NODE1]
installed = "6.5.7226.6"
[rehearsal.groups.EVS1]
owner = "NODE1"
"#;

/// Two front ends in a pool, to stand behind the sound file.
const POOLED: &str = r#"[[server]]
name = "FE1"
address = "f1"
product = "exchange-2003"
os = "windows-2003"
roles = ["front-end"]
[[server]]
name = "FE2"
address = "f2"
product = "exchange-2003"
os = "windows-2003"
roles = ["front-end"]
[[pool]]
name = "owa"
servers = ["FE1", "FE2"]
state = 'C:\state.cmd'
"#;

/// Rules of a register of two: one recommended, one required.
fn rules(id: &str) -> Option<bool> {
    match id {
        "SOFT" => Some(true),
        "HARD" => Some(false),
        _ => None,
    }
}

fn mistakes(text: &str) -> Vec<(String, Code)> {
    match parse_with_rules("e.toml", text, &rules) {
        Ok(_) => Vec::new(),
        Err(mistakes) => list(&mistakes),
    }
}

fn list(mistakes: &Mistakes) -> Vec<(String, Code)> {
    mistakes.list().iter().map(|m| (m.at.map(|at| at.to_string()).unwrap_or_default(), m.code)).collect()
}

/// The sound file with the first `from` made `to`.
fn with(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    SOUND.replacen(from, to, 1)
}

#[test]
fn the_sound_file_has_none() {
    assert_eq!(mistakes(SOUND), []);
    assert_eq!(mistakes(&format!("{SOUND}{POOLED}")), []);
}

#[test]
fn each_kind_by_itself() {
    let pooled = |from: &str, to: &str| {
        assert!(POOLED.contains(from), "{from}");
        format!("{SOUND}{}", POOLED.replacen(from, to, 1))
    };
    let more = "[[server]]\nname = \"FE3\"\naddress = \"f3\"\nproduct = \"exchange-2003\"\nos = \"windows-2003\"\n\
                roles = [\"front-end\"]\n[[server]]\nname = \"FE4\"\naddress = \"f4\"\nproduct = \"exchange-2003\"\n\
                os = \"windows-2003\"\nroles = [\"front-end\"]\n";
    let many = |n: usize| (0..n).map(|i| format!("\"x{i}\"")).collect::<Vec<_>>().join(", ");
    let servers = |n: usize, product: &str| -> String {
        (0..n)
            .map(|i| format!("\n[[server]]\nname = \"x{i}\"\naddress = \"x{i}\"\nproduct = {product}\n"))
            .collect()
    };
    let cluster = |n, product, kind| {
        let nodes = many(n);
        format!(
            "{SOUND}[[cluster]]\nname = \"c\"\nkind = \"{kind}\"\nnodes = [{nodes}]{}",
            servers(n, product)
        )
    };
    let windows = "\"exchange-2003\"\nos = \"windows-2003\"";
    assert_eq!(mistakes(&cluster(16, "\"debian\"", "pacemaker")), []);
    assert_eq!(mistakes(&cluster(8, windows, "windows")), []);

    let cases = [
        (with("name = \"n1\"", "name = \"n1"), "3:11", Code::Syntax),
        (
            with("kind = \"pacemaker\"", "kind = \"pacemaker\"\nkind = \"pacemaker\""),
            "23:1",
            Code::DuplicateKey,
        ),
        (with("[policy]", "[polizy]"), "34:2", Code::UnknownKey),
        (with("soak-seconds", "soak_seconds"), "35:1", Code::UnknownKey),
        (with("timeout-seconds = 5", "timeout = 5"), "27:30", Code::UnknownKey),
        (with("installed", "installd"), "56:1", Code::UnknownKey),
        (with("address = \"10.0.0.1\"", "address = 10"), "4:11", Code::WrongType),
        (with("nodes = [\"n1\", \"n2\"]", "nodes = \"n1\""), "23:9", Code::WrongType),
        (with("[\"n1\", \"n2\"]", "[\"n1\", \"n2\", 3]"), "23:22", Code::WrongType),
        (with("{ command = \"true\", timeout-seconds = 5 }", "\"true\""), "27:10", Code::WrongType),
        (with("soak-seconds = 30", "soak-seconds = \"30\""), "35:16", Code::WrongType),
        (with("[[evidence]]", "[evidence]"), "40:1", Code::WrongType),
        (with("address = \"10.0.0.1\"\n", ""), "2:1", Code::MissingKey),
        (with("product = \"debian\"\n", ""), "2:1", Code::MissingKey),
        (with("os = \"windows-2003\"\n", ""), "10:1", Code::MissingKey),
        (with("kind = \"windows\"\n", ""), "28:1", Code::MissingKey),
        (with("name = \"e\"\n", ""), "1:1", Code::MissingKey),
        (with("at = \"2026-11-22T01:00:00+09:00\"\n", ""), "40:1", Code::MissingKey),
        (with("sha256 = \"00", "#"), "44:1", Code::MissingKey),
        ("name = \"e\"\n".into(), "1:1", Code::NoServers),
        ("name = \"e\"\nserver = []\n".into(), "1:1", Code::NoServers),
        (with("name = \"n1\"", "name = \"n1 \""), "3:8", Code::InvalidName),
        (with("name = \"web\"", "name = \"\""), "25:8", Code::InvalidName),
        (with("\"10.0.0.1\"", "\"root@10.0.0.1\""), "4:11", Code::InvalidAddress),
        (with("ldap://dc1", "http://dc1"), "49:7", Code::InvalidDirectory),
        (with("ldap://dc1", "ldap://"), "49:7", Code::InvalidDirectory),
        (with("ldap://dc1", "ldaps://dc1"), "49:7", Code::InvalidDirectory),
        (with("password-env = \"PW\"\n", ""), "52:1", Code::InvalidAccount),
        (with("password-env", "password-file = \"/pw\"\npassword-env"), "52:1", Code::InvalidAccount),
        (with("name = \"e\"", "name = \" \""), "1:8", Code::InvalidText),
        (with("product = \"debian\"", "product = \"debian\"\nuser = \"-l root\""), "6:8", Code::InvalidText),
        (with("by = \"Sato\"", "by = \"S\\u001b[2J\""), "38:6", Code::InvalidText),
        (with("name = \"mail\"", "name = \"CLUS1\""), "29:8", Code::DuplicateName),
        (
            with("name = \"web\"", "name = \"web\"\n[[cluster.group]]\nname = \"web\""),
            "27:8",
            Code::DuplicateName,
        ),
        (with("10.0.0.2", "10.0.0.1"), "8:11", Code::DuplicateAddress),
        (with("\"debian\"", "\"exchange-2013\""), "5:11", Code::UnknownProduct),
        (with("\"windows-2003\"", "\"windows-nt\""), "14:6", Code::UnknownOs),
        (
            with("product = \"debian\"", "product = \"debian\"\ntransport = \"winrm\""),
            "6:13",
            Code::UnknownTransport,
        ),
        (with("\"pacemaker\"", "\"heartbeat\""), "22:8", Code::UnknownClusterKind),
        (
            with("product = \"debian\"", "product = \"debian\"\nroles = [\"spare\"]"),
            "6:10",
            Code::UnknownRole,
        ),
        (with("\"full-backup\"", "\"backup\""), "41:8", Code::UnknownEvidence),
        (with("[policy]", "[policy]\nhome = \"away\""), "35:8", Code::UnknownPolicy),
        (with("\"windows-2003\"", "\"debian\""), "14:6", Code::ProductOnWrongOs),
        (
            with("nodes = [\"NODE1\"", "nodes = [\"x0\", \"NODE1\"") + &servers(1, "\"debian\""),
            "31:10",
            Code::ProductInWrongCluster,
        ),
        (format!("{SOUND}{}roles = [\"node\"]", servers(1, "\"debian\"")), "64:10", Code::RoleDoesNotFit),
        (
            with("product = \"debian\"", "product = \"debian\"\nroles = [\"mailbox\"]"),
            "6:10",
            Code::RoleDoesNotFit,
        ),
        (with("[\"n1\", \"n2\"]", "[\"n1\", \"n2\", \"n3\"]"), "23:22", Code::UnknownNode),
        (with("rehearsal.nodes.NODE1", "rehearsal.nodes.NODE3"), "55:18", Code::UnknownNode),
        (with("[\"n1\", \"n2\"]", "[\"n1\", \"n2\", \"n1\"]"), "23:22", Code::NodeTwice),
        (
            with("[\"NODE1\", \"NODE2\"]", "[\"NODE1\", \"NODE2\", \"n1\"]")
                .replace("\"windows\"", "\"pacemaker\"")
                .replace("product = \"exchange-2003\"\nos = \"windows-2003\"", "product = \"debian\"")
                .replace("product = \"exchange-2003\"\nos = \"windows-2000\"", "product = \"debian\""),
            "29:28",
            Code::NodeInTwoClusters,
        ),
        (with("[\"n1\", \"n2\"]", "[\"n2\"]"), "23:9", Code::TooFewNodes),
        (with("[\"NODE1\", \"NODE2\"]", "[\"NODE1\"]"), "31:9", Code::TooFewNodes),
        (cluster(17, "\"debian\"", "pacemaker"), "62:9", Code::TooManyNodes),
        (cluster(9, windows, "windows"), "62:9", Code::TooManyNodes),
        (with("preferred = [\"n2\"]", "preferred = [\"NODE1\"]"), "26:14", Code::UnknownOwner),
        (with("owner = \"NODE1\"", "owner = \"n1\""), "58:9", Code::UnknownOwner),
        (with("preferred = [\"n2\"]", "preferred = [\"n2\", \"n2\"]"), "26:20", Code::OwnerTwice),
        (with("rehearsal.groups.EVS1", "rehearsal.groups.EVS2"), "57:19", Code::UnknownGroup),
        (with("command = \"true\"", "command = \" \""), "27:22", Code::EmptyHealthCommand),
        (
            with("os = \"windows-2003\"", "os = \"windows-2003\"\nhealth = { command = \"true\" }"),
            "15:10",
            Code::HealthDoesNotFit,
        ),
        (
            with(
                "[[cluster]]\nname = \"mail\"",
                "[[server]]\nname = \"mail\"\naddress = \"h\"\nproduct = \"exchange-2003\"\nos = \"windows-2003\"\n[[cluster]]\nname = \"mail\"",
            ),
            "21:8",
            Code::DuplicateName,
        ),
        (with("timeout-seconds = 5", "timeout-seconds = 0"), "27:48", Code::OutOfBounds),
        (with("soak-seconds = 30", "soak-seconds = -1"), "35:16", Code::OutOfBounds),
        (with("soak-seconds = 30", "backup-age-max-hours = 0x2D1"), "35:24", Code::OutOfBounds),
        (with("soak-seconds = 30", "step-timeout-seconds = 9"), "35:24", Code::OutOfBounds),
        (with("soak-seconds = 30", "soak-seconds = 999999999999999999999"), "35:16", Code::OutOfBounds),
        (with("by = \"Sato\"\n", ""), "36:1", Code::WaiverWithoutName),
        (with("by = \"Sato\"", "by = \"  \""), "38:6", Code::WaiverWithoutName),
        (with("reason = \"tried\"\n", ""), "36:1", Code::WaiverWithoutReason),
        (with("rule = \"SOFT\"", "rule = \"HARD\""), "37:8", Code::WaiverOfRequiredRule),
        (with("rule = \"SOFT\"", "rule = \"NONE\""), "37:8", Code::WaiverOfUnknownRule),
        (with("+09:00\"\nby = \"Sato\"\n", "+09:00\"\n"), "40:1", Code::EvidenceWithoutName),
        (with("01:00:00+09:00", "01:00:00"), "42:6", Code::InvalidTime),
        (with("\"2026-11-22T01:00:00+09:00\"", "2026-11-22"), "42:6", Code::InvalidTime),
        (with("2026-11-22", "1969-11-22"), "42:6", Code::InvalidTime),
        (with("sha256 = \"00", "sha256 = \"0"), "47:10", Code::InvalidDigest),
        (with("sha256 = \"00", "sha256 = \"0g"), "47:10", Code::InvalidDigest),
        (
            with("product = \"debian\"", "product = \"debian\"\ntransport = \"local\""),
            "6:13",
            Code::ControllerIsANode,
        ),
        (pooled("\"FE2\"]", "]"), "73:11", Code::TooFewNodes),
        (pooled("\"FE2\"]", "\"FE2\", \"FE1\"]"), "73:26", Code::NodeTwice),
        (pooled("\"FE2\"]", "\"FE2\", \"FE3\"]"), "73:26", Code::UnknownNode),
        (pooled("\"FE2\"]", "\"FE2\", \"n1\"]"), "73:26", Code::PoolDoesNotFit),
        (pooled("\"FE2\"]", "\"FE2\", \"NODE1\"]"), "73:26", Code::PoolDoesNotFit),
        (
            pooled(
                "f2\"\nproduct = \"exchange-2003\"\nos = \"windows-2003\"\nroles = [\"front-end\"]",
                "f2\"\nproduct = \"exchange-2003\"\nos = \"windows-2003\"",
            ),
            "72:19",
            Code::PoolDoesNotFit,
        ),
        (
            pooled(
                "f2\"\nproduct = \"exchange-2003\"\nos = \"windows-2003\"\nroles = [\"front-end\"]",
                "f2\"\nproduct = \"debian\"",
            ),
            "71:19",
            Code::PoolDoesNotFit,
        ),
        (
            pooled(
                "f2\"\nproduct = \"exchange-2003\"\nos = \"windows-2003\"",
                "f2\"\nproduct = \"exchange-2000\"\nos = \"windows-2000\"",
            ),
            "73:19",
            Code::PoolDoesNotFit,
        ),
        (pooled("[\"FE1\", \"FE2\"]", "[]"), "73:11", Code::TooFewNodes),
        (pooled("servers =", "nodes ="), "73:1", Code::UnknownKey),
        (pooled("\"front-end\"", "\"frontend\""), "64:10", Code::UnknownRole),
        (pooled("[\"front-end\"]", "\"front-end\""), "64:9", Code::WrongType),
        (pooled("roles =", "rolse ="), "64:1", Code::UnknownKey),
        (pooled("roles = [", "roles = ]"), "64:9", Code::Syntax),
        (pooled("state = 'C:\\state.cmd'\n", ""), "71:1", Code::MissingKey),
        (pooled("C:\\state.cmd", " "), "74:9", Code::InvalidText),
        (pooled("state =", "out = 1\nstate ="), "74:7", Code::WrongType),
        (pooled("state =", "drain = \"x\"\nstate ="), "74:1", Code::UnknownKey),
        (
            pooled("", "") + "[[pool]]\nname = \"owa\"\nservers = [\"FE3\", \"FE4\"]\nstate = \"s\"\n" + more,
            "76:8",
            Code::DuplicateName,
        ),
        (
            pooled("", "") + "[[pool]]\nname = \"two\"\nservers = [\"FE3\", \"FE1\"]\nstate = \"s\"\n" + more,
            "77:19",
            Code::ServerInTwoPools,
        ),
        (" ".repeat(BYTES_MAX + 1), "", Code::TooBig),
    ];
    for (text, at, code) in &cases {
        assert_eq!(mistakes(text), [(at.to_string(), *code)], "{}", &text[..text.len().min(3000)]);
    }
    let shown: BTreeSet<_> = cases.iter().map(|(_, _, code)| *code).collect();
    assert_eq!(shown, Code::ALL.iter().copied().collect(), "a kind of mistake that nothing shows");
}

#[test]
fn a_broken_line_hides_no_mistake_on_other_lines() {
    let text = with("name = \"n1\"", "name = n1").replace("soak-seconds = 30", "soak-seconds = \"30\"");
    assert_eq!(mistakes(&text), [("3:8".into(), Code::Syntax), ("35:16".into(), Code::WrongType)]);
}

/// What was meant by a misspelt key or an unreadable name is not missing as well.
#[test]
fn one_slip_is_one_mistake() {
    assert_eq!(mistakes(&with("address", "adress")), [("4:1".into(), Code::UnknownKey)]);
    assert_eq!(mistakes(&with("name = \"n1\"", "name = 1")), [("3:8".into(), Code::WrongType)]);
    assert_eq!(mistakes(&with("name = \"n1\"", "nmae = \"n1\"")), [("3:1".into(), Code::UnknownKey)]);
}

#[test]
fn a_pool_of_none_is_called_no_pool_of_one() {
    let none = format!("{SOUND}{POOLED}").replace("[\"FE1\", \"FE2\"]", "[]");
    let refused = parse_with_rules("e.toml", &none, &rules).unwrap_err();
    assert_eq!(refused.list()[0].message, "a pool without servers serves nobody");
}

/// What is said of an empty command must not be to leave out a key that has to be there.
#[test]
fn empty_commands_of_a_pool() {
    for (key, says_leave_out) in [("state", false), ("out", true), ("in", true)] {
        let text =
            format!("{SOUND}{POOLED}{key} = ''").replacen("state = 'C:", "# ", usize::from(key == "state"));
        let refused = parse_with_rules("e.toml", &text, &rules).unwrap_err();
        let [mistake] = refused.list() else { panic!("{refused:?}") };
        assert_eq!(
            (mistake.code, mistake.message.clone()),
            (Code::InvalidText, format!("`{key}` of pool `owa` is empty"))
        );
        assert_eq!(mistake.help.contains("leave the key out"), says_leave_out, "{}", mistake.help);
    }
}

#[test]
fn without_a_register_waivers_are_only_read() {
    assert!(parse("e.toml", &with("SOFT", "NONE")).is_ok());
}

#[test]
fn times_may_be_written_without_quotes() {
    let plain = with("\"2026-11-22T01:00:00+09:00\"", "2026-11-22T01:00:00+09:00");
    assert_eq!(parse("e.toml", &plain).unwrap(), parse("e.toml", SOUND).unwrap());
}

#[test]
fn code_names_are_unique_and_kebab_case() {
    let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for name in names {
        let kebab = name.strip_prefix("estate::").unwrap();
        assert!(kebab.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
    }
}

#[test]
fn a_password_in_the_file_is_refused() {
    let text = with("password-file = \"/etc/pw\"", "password = \"hunter2\"");
    let refused = parse_with_rules("e.toml", &text, &rules).unwrap_err();
    let codes: BTreeSet<Code> = refused.list().iter().map(|m| m.code).collect();
    assert_eq!(codes, BTreeSet::from([Code::UnknownKey, Code::InvalidAccount]));
}
