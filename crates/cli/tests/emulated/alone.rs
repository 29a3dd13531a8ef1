//! Servers that stand alone, and front ends before back ends, as the example estates have them: rehearsed by the program,
//! and what each server and person was told against transcripts written by hand.

use crate::kit::{Script, rehearse, said, told, words};

const ALONE: &str = include_str!("../../../../examples/exchange-2003-stand-alone.toml");
const FRONT_AND_BACK: &str = include_str!("../../../../examples/exchange-2003-front-end-back-end.toml");
const SP2: &str = "exchange-2003-sp2";
const HOTFIX: &str = "exchange-2003-kb916803";

/// The server as the hotfix needs it.
fn with_sp2() -> String {
    let fixed = "installed = \"6.5.7638.2\"\nhotfixes = [\"windows-2003-kb831464\"]";
    ALONE.replace("installed = \"6.5.7226.6\"", fixed)
}

#[test]
fn a_service_pack_on_a_server_that_stands_alone() {
    let told = told(&rehearse(ALONE, SP2, &[]));
    Script::read(include_str!("transcripts/sp2-stand-alone.txt")).check(&told);
}

/// E03-ALONE-REBOOT: where set-up asks for it, and only there.
#[test]
fn a_restart_that_set_up_asks_for() {
    let asks = format!("{ALONE}asks-for-restart = true\n");
    let told = told(&rehearse(&asks, SP2, &[]));
    let text = include_str!("transcripts/sp2-stand-alone.txt");
    let (before, after) = text.split_at(text.find("notes  | person").unwrap());
    Script::read(&format!("{before}alone | EXCH1 | shutdown -r -f\n{after}")).check(&told);
}

/// E03-SBS: nothing special.
#[test]
fn a_small_business_server() {
    let estate = ALONE.replace("# roles = [\"small", "roles = [\"small");
    let output = rehearse(&estate, SP2, &["--runbook"]);
    Script::read(include_str!("transcripts/sp2-stand-alone.txt")).check(&told(&output));
    let (_, text) = said(&output);
    assert!(text.contains("E03-SBS ("), "{text}");
    assert!(text.contains("KB 328839, Exchange Server 2003, Small Business Server"), "{text}");
}

#[test]
fn a_hotfix_on_a_server_that_stands_alone() {
    let told = told(&rehearse(&with_sp2(), HOTFIX, &[]));
    let script = format!(
        "test  | person at desk | attest: Try the release in a test environment\n\
         alone | EXCH1          | C:\\media\\{HOTFIX}\\Exchange2003-KB916803-x86-ENU.exe /quiet /norestart\n"
    );
    Script::read(&script).check(&told);
}

#[test]
fn front_ends_before_back_ends() {
    let told = told(&rehearse(FRONT_AND_BACK, SP2, &[]));
    Script::read(include_str!("transcripts/sp2-front-ends-and-back-ends.txt")).check(&told);
}

/// Somebody has patched FE1 and half of the cluster: the rehearsal begins there, and what is done isn't done again.
#[test]
fn front_ends_and_back_ends_half_way() {
    let at = |node: &str| format!("[rehearsal.nodes.{node}]\ninstalled = \"6.5.7226.6\"");
    let mut estate = FRONT_AND_BACK.to_owned();
    for node in ["FE1", "NODE2"] {
        assert!(estate.contains(&at(node)));
        estate = estate.replace(&at(node), &at(node).replace("6.5.7226.6", "6.5.7638.2"));
    }
    let told = told(&rehearse(&estate, SP2, &[]));
    let installs: Vec<&str> = told
        .iter()
        .filter_map(|line| line.strip_suffix(r": run C:\media\exchange-2003-sp2\setup\i386\update.exe"))
        .collect();
    assert_eq!(installs, ["person at FE2", "person at BE1", "person at NODE1"], "{told:#?}");
}

const BALANCED: &str = include_str!("../../../../examples/exchange-2003-balanced-front-ends.toml");

/// E03-FE-TOGETHER.
#[test]
fn balanced_front_ends_together() {
    let told = told(&rehearse(BALANCED, SP2, &[]));
    Script::read(include_str!("transcripts/sp2-balanced-front-ends.txt")).check(&told);
}

/// Without a command of the administrator's, a person sees to the balancer; what it does is looked at all the same.
#[test]
fn a_person_at_the_balancer() {
    let estate = BALANCED.replace("out = 'C:", "# out = 'C:").replace("in = 'C:", "# in = 'C:");
    let told = told(&rehearse(&estate, SP2, &[]));
    let at_balancer: Vec<&str> =
        told.iter().filter_map(|line| line.strip_prefix("person at the balancer: ")).collect();
    let out = ["FE1", "FE2", "FE3"].map(|server| format!("no more requests for {server}"));
    let back = ["FE1", "FE2", "FE3"].map(|server| format!("requests for {server} again"));
    assert_eq!(at_balancer, [out, back].concat(), "{told:#?}");
}

/// Half-way: FE1 has the service pack and is out, as are the others. The pool is brought in when all have it.
#[test]
fn a_pool_that_was_left_half_way() {
    let mut estate = BALANCED.to_owned();
    for server in ["FE1", "FE2", "FE3"] {
        let head = format!("[rehearsal.nodes.{server}]\n");
        estate = estate.replace(&head, &format!("{head}out-of-pool = true\n"));
    }
    estate = estate.replacen("installed = \"6.5.7226.6\"", "installed = \"6.5.7638.2\"", 1);
    let told = told(&rehearse(&estate, SP2, &[]));
    let done: Vec<&str> = told
        .iter()
        .map(|line| line.trim_end_matches(r": run C:\media\exchange-2003-sp2\setup\i386\update.exe"))
        .filter(|line| line.contains("balancer") || line.starts_with("person at FE"))
        .collect();
    let back = ["FE1", "FE2", "FE3"].map(|server| format!(r"{server}: C:\balancer\in.cmd"));
    assert_eq!(done[..2], ["person at FE2", "person at FE3"], "{told:#?}");
    assert_eq!(done[2..], back, "{told:#?}");
}

/// A server that goes dark under its installer stays out of its pool, and so do the others: nobody is sent to two
/// versions.
#[test]
fn a_balanced_server_that_goes_dark() {
    let fixed = BALANCED.replace("installed = \"6.5.7226.6\"", "installed = \"6.5.7638.2\"");
    let output = rehearse(&fixed, HOTFIX, &["--fault", "FE2:/quiet=power-cut", "--fault", "FE2=stays-off"]);
    let (code, text) = said(&output);
    assert_eq!(code, Some(3), "{text}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let (_, told) = stdout.split_once("were told, in this order:").unwrap();
    assert!(told.contains("out.cmd") && !told.contains("in.cmd") && !told.contains("BE1"), "{told}");
}

/// A command for the balancer that does nothing is found out: no installer is started on a server that is in its pool.
#[test]
fn a_balancer_that_does_not_listen() {
    let estate = BALANCED.replace(r"out = 'C:\balancer\out.cmd'", r"out = 'C:\balancer\in2.cmd'");
    let estate = estate.replace(r"in = 'C:\balancer\in.cmd'", r"in = 'C:\balancer\in2.cmd'");
    let output = rehearse(&estate, SP2, &[]);
    let (code, text) = said(&output);
    assert_eq!(code, Some(3), "{text}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let (_, told) = stdout.split_once("were told, in this order:").unwrap();
    assert!(told.contains("in2.cmd") && !told.contains("update.exe"), "{told}");
}

/// A `state` that says nothing, or isn't there: nobody knows, and no plan is made.
#[test]
fn a_balancer_that_does_not_answer() {
    for state in [r"C:\balancer\out.cmd", r"C:\balancer\in.cmd"] {
        let estate = BALANCED.replace(r"state = 'C:\balancer\state.cmd'", &format!("state = '{state}'"));
        let (code, text) = said(&rehearse(&estate, SP2, &[]));
        assert_eq!(code, Some(2), "{text}");
        let text = words(&text);
        assert!(
            text.contains("whether owa gives FE1 requests") && text.contains("neither `in` nor `out`"),
            "{text}"
        );
    }
}

/// What can't be emulated is said, with what can.
#[test]
fn a_balancer_that_no_emulated_server_has() {
    let estate = BALANCED.replace(r"out = 'C:\balancer\out.cmd'", "out = 'wlbs suspend'");
    let (code, text) = said(&rehearse(&estate, SP2, &[]));
    assert_eq!(code, Some(1), "{text}");
    assert!(words(&text).contains("pool owa: `out = wlbs suspend` can't be emulated"), "{text}");
}

/// The installer's server goes dark under it: the run stops, safe, and says where.
#[test]
fn a_server_that_goes_dark_under_its_installer() {
    let output =
        rehearse(&with_sp2(), HOTFIX, &["--fault", "EXCH1:/quiet=power-cut", "--fault", "EXCH1=stays-off"]);
    let (code, text) = said(&output);
    assert_eq!(code, Some(3), "{text}");
    let text = words(&text);
    assert!(text.contains("Stopped, safe") && text.contains("EXCH1"), "{text}");
}

/// A front end that can't be patched keeps the back ends as they are.
#[test]
fn a_front_end_whose_installer_fails() {
    let hotfixes = FRONT_AND_BACK
        .replace("installed = \"6.5.7226.6\"", "installed = \"6.5.7638.2\"")
        .replace("version = \"6.5.7226.6\"", "version = \"6.5.7638.2\"");
    let output = rehearse(&hotfixes, HOTFIX, &["--fault", "FE2:/quiet=fail"]);
    let (code, text) = said(&output);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("Step") && text.contains("on FE2"), "{text}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let (_, told) = stdout.split_once("were told, in this order:").unwrap();
    assert!(told.contains("FE1: ") && !told.contains("BE1") && !told.contains("NODE"), "{told}");
}
