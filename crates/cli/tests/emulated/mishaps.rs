//! Mistakes and mishaps: a clear message, the documented exit code, nothing lost, nothing changed where nobody asked.

use std::process::Stdio;
use std::time::{Duration, Instant};

use kaketsugi_emulator::{Fault, FaultKind, LIMITED_USER};

use crate::kit::{Event, NODES, Script, Setup, Site, Terminal, attend, said, words};

const HOTFIX: &str = include_str!("transcripts/hotfix-evs-on-node1.txt");

/// What was told to no person: the transcript of a run whose attestations lie in the estate file.
fn without_attestations() -> Script {
    let lines = HOTFIX.lines().filter(|l| !l.contains("attest:"));
    Script::read(&lines.collect::<Vec<_>>().join("\n"))
}

/// Nothing was told to any node or person, and no lock was taken.
fn assert_untouched(site: &Site) {
    assert_eq!(site.told(), Vec::<String>::new());
    for node in NODES {
        assert_eq!(site.on(node, r"if exist C:\kaketsugi exit 9").0, 0, "{node}: something lies there");
    }
}

fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} isn't said: {text}");
    }
}

#[test]
fn a_host_key_that_is_not_the_one_that_is_known() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let plan = site.plan();
    // NODE2 answers with a key that isn't the one in known_hosts: NODE1's is written there.
    let known = site.emulation.known_hosts();
    let lines: Vec<&str> = known.lines().collect();
    let first_key = lines[0].split_once(' ').unwrap().1;
    let second_host = lines[1].split_once(' ').unwrap().0;
    std::fs::write(site.path("known_hosts"), format!("{}\n{second_host} {first_key}\n", lines[0])).unwrap();
    let text = site.want(1, &["plan", "estate.toml", "--release", site.setup.release]);
    says(
        &text,
        &[
            "NODE2:",
            "THE HOST KEY HAS CHANGED",
            "compare the fingerprint",
            "Nothing is planned, and nothing changed anywhere",
        ],
    );
    let text = site.want(1, &["apply", "plan", "--approve", plan.hash().as_str()]);
    says(&text, &["NODE2 doesn't answer", "THE HOST KEY HAS CHANGED", "Nothing was changed."]);
    // A host nobody has ever seen is no better.
    std::fs::write(site.path("known_hosts"), "").unwrap();
    let text = site.want(1, &["plan", "estate.toml", "--release", site.setup.release]);
    says(&text, &["NODE1:", "NODE2:", "known_hosts"]);
    assert_untouched(&site);
    assert_eq!(site.want(0, &["status"]).matches("exchange").count(), 0, "no run is left");
}

/// Switches a server on, and waits until it answers.
fn start(site: &Site, node: &str) {
    site.emulation.power_on(node);
    let begun = Instant::now();
    while site.runtime.block_on(site.emulation.run(node, "ver", b"")).is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{node} doesn't start");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server that doesn't answer when a plan is to be carried out: nobody can say whether it is as planned.
#[test]
fn a_server_that_is_switched_off() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let plan = site.plan();
    site.emulation.power_off("NODE2");
    let text = site.want(1, &["apply", "plan", "--approve", plan.hash().as_str()]);
    says(&text, &["NODE2 doesn't answer", "Nothing was changed.", "Apply the same plan again"]);
    assert!(!text.contains("NODE1 doesn't"), "{text}");
    assert_eq!(site.want(0, &["status"]).matches("exchange").count(), 0, "no run is left");
    start(&site, "NODE2");
    assert_untouched(&site);
}

/// What the administrator wrote has changed since the plan was made.
#[test]
fn a_plan_of_another_estate_file() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let plan = site.plan();
    let with_estate = ["check", "plan", "--estate", "estate.toml"];
    site.want(0, &with_estate);
    let file = std::fs::read_to_string(site.path("estate.toml")).unwrap();
    std::fs::write(site.path("estate.toml"), file.replace("soak-seconds = 1", "soak-seconds = 900")).unwrap();
    says(&site.want(2, &with_estate), &["policy"]);
    let hash = plan.hash();
    let apply = ["apply", "plan", "--approve", hash.as_str(), "--estate", "estate.toml"];
    says(&site.want(2, &apply), &["policy"]);
    assert_untouched(&site);
    assert_eq!(site.want(0, &["status"]).matches("exchange").count(), 0, "no run is left");
    // Evidence may be added at any time.
    let more = format!(
        "{file}[[evidence]]\nkind = \"full-backup\"\nat = \"{}\"\nby = \"Ito\"\n",
        jiff::Timestamp::now()
    );
    std::fs::write(site.path("estate.toml"), more).unwrap();
    site.want(0, &with_estate);
}

/// Programs read events: one JSON document on each line, the last of which says how it ended, and why.
#[test]
fn events_for_programs() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let plan = site.plan();
    let apply = |code: i32| -> Vec<serde_json::Value> {
        let output = site.run(&["apply", "plan", "--approve", plan.hash().as_str(), "--format", "json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    };
    site.emulation.power_off("NODE2");
    let silent = apply(1);
    let end = silent.last().unwrap();
    assert_eq!((&end["event"], &end["exit"]), (&"ended".into(), &1.into()), "{end}");
    assert!(end["seen"][0].as_str().unwrap().contains("NODE2"), "{end}");
    start(&site, "NODE2");
    let events = apply(0);
    let of = |kind: &str| events.iter().filter(|e| e["event"] == kind).count();
    assert_eq!(of("step-in-work"), plan.steps.len());
    assert!(of("recorded") > plan.steps.len() && of("groups") > 2, "{events:?}");
    assert_eq!((of("ended"), &events.last().unwrap()["exit"]), (1, &0.into()));
}

/// A plan that installs on the node which carries the virtual server, made so by hand: judged, and not carried out.
#[test]
fn a_plan_that_is_not_safe() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let mut plan = site.plan();
    let install = plan.steps.iter().rposition(|s| s.action.name() == "install").unwrap();
    let mut early = plan.steps.remove(install);
    let first = plan.steps.iter().position(|s| s.action.name() == "move").unwrap();
    early.requires.clear();
    early.after.clone_from(&plan.steps[first].after);
    plan.steps[first].after = vec![early.id.clone()];
    plan.steps.insert(first, early);
    std::fs::write(site.path("plan"), serde_json::to_string(&plan).unwrap()).unwrap();
    let hash = plan.hash();
    for arguments in [&["check", "plan"][..], &["apply", "plan", "--approve", hash.as_str()]] {
        let text = site.want(2, arguments);
        says(&text, &["while it carries", "VIOLATION, and how it comes to it", "MS06-019"]);
    }
    assert_untouched(&site);
    assert_eq!(site.want(0, &["status"]).matches("exchange").count(), 0, "no run is left");
}

#[test]
fn an_account_that_may_not() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let plan = |user: &str| {
        std::fs::write(site.path("estate.toml"), site.estate(user)).unwrap();
        said(&site.run(&["plan", "estate.toml", "--release", site.setup.release, "--out", "plan"]))
    };
    let (code, text) = plan("Stranger");
    assert_eq!(code, Some(1), "{text}");
    says(&text, &["NODE1:", "NODE2:", "Stranger", "Nothing is planned"]);
    let (code, text) = plan(LIMITED_USER);
    assert_eq!(code, Some(2), "{text}");
    says(&text, &["nothing was changed on any server", "Access is denied", "Administrators"]);
    assert_untouched(&site);
    assert!(!site.path("plan").exists());
}

/// Without the directory nobody could tell that a virtual server was upgraded: the run would stop with users cut off.
#[test]
fn a_directory_that_is_missing_or_says_nothing() {
    let Some(mut site) = Site::with_directory(Setup::service_pack("NODE1").attested()) else { return };
    let plan = site.plan();
    let again = ["plan", "estate.toml", "--release", "exchange-2003-sp2"];
    let unread = "the version of EVS1 can't be read in the directory";
    // The account may not log in there.
    std::fs::write(site.path("password"), "wrong\n").unwrap();
    says(&site.want(1, &again), &[unread, "--directory-user"]);
    std::fs::remove_file(site.path("password")).unwrap();
    says(&site.want(1, &again), &["the password file password can't be read"]);
    // Half an account.
    site.options.truncate(4);
    says(&site.want(1, &again), &["has a name and a password"]);
    // Nobody there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    site.options = vec!["--directory".into(), format!("ldap://{closed}")];
    says(&site.want(1, &again), &[unread]);
    site.options.clear();
    says(&site.want(1, &again), &[unread, "--directory ldap://HOST"]);
    let hash = plan.hash();
    says(
        &site.want(1, &["apply", "plan", "--approve", hash.as_str()]),
        &["this plan upgrades virtual servers, and no directory is named"],
    );
    assert_untouched(&site);
}

#[test]
fn two_controllers_at_once() {
    let site = Site::new(Setup::hotfix("NODE1"));
    let plan = site.plan();
    let mut first = Terminal::start(site.apply(&plan));
    // It holds the locks and waits for its person.
    let Event::Asked(prompt) = first.next(Duration::from_secs(60)) else { panic!("{}", first.text()) };
    assert!(prompt.text.contains("test environment"), "{}", prompt.text);
    let hash = plan.hash();
    let approve = ["apply", "plan", "--approve", hash.as_str()];
    says(&site.want(2, &approve), &["is locked by the run", "Nothing was changed."]);
    says(&site.want(1, &["resume", "last"]), &["is being driven by process", "unlock"]);
    says(&site.want(1, &["restore", "last"]), &["is being driven by process"]);
    let elsewhere = [&approve[..], &["--state", "other"]].concat();
    says(&site.want(2, &elsewhere), &["is locked by the run", "Nothing was changed."]);
    assert!(std::fs::read_dir(site.path("other")).unwrap().next().is_none(), "nothing was begun there");
    assert_eq!(site.told(), Vec::<String>::new());
    // The first goes on as if nothing had been.
    site.runtime.block_on(site.emulation.person().do_(crate::kit::instruction(&plan, &prompt)));
    first.enter("done");
    assert_eq!(attend(&site, &plan, &mut first), 0, "{}", first.text());
    site.assert_mended();
    Script::read(HOTFIX).check(&site.told());
}

#[test]
fn two_controllers_that_start_in_the_same_moment() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let plan = site.plan();
    let mut codes: Vec<(Option<i32>, String)> = ["one", "two"]
        .map(|state| {
            let mut command = site.apply(&plan);
            command.args(["--state", state]).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .into_iter()
        .map(|child| said(&child.wait_with_output().unwrap()))
        .collect();
    codes.sort();
    assert_eq!(codes[0].0, Some(0), "{codes:?}");
    assert!(matches!(codes[1].0, Some(2 | 3)), "{codes:?}");
    assert!(codes[1].1.contains("lock"), "{codes:?}");
    site.assert_mended();
    without_attestations().check(&site.told());
}

/// Power fails while the machine installs; it comes back by itself. The run stops safe; nobody starts the installer
/// again unasked; asked, it completes.
#[test]
fn power_that_fails_in_an_install_and_comes_back() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let plan = site.plan();
    let cut = FaultKind::PowerCut { after: Duration::from_millis(5) };
    site.emulation.fault(Fault::first("/quiet", cut).on("NODE2"));
    let mut run = Terminal::start(site.apply(&plan));
    let begun = Instant::now();
    while site.emulation.truth().nodes["NODE2"].powered {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", run.text());
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(2));
    site.emulation.power_on("NODE2");
    let code = attend(&site, &plan, &mut run);
    assert_eq!(code, 3, "{}", run.text());
    says(
        &words(&run.text()),
        &["Stopped, safe", "its work is gone without an exit code", "EVS1 on NODE1 (online)", "--retry"],
    );
    assert_eq!(site.installs(), [("KB916803 on NODE2".to_owned(), 1)]);
    // Unasked: not again.
    says(&site.want(4, &["resume", "last"]), &["never tried twice unasked", "--retry"]);
    assert_eq!(site.installs(), [("KB916803 on NODE2".to_owned(), 1)]);
    assert!(site.emulation.truth().groups["EVS1"].online);
    site.want(0, &["resume", "last", "--retry"]);
    assert_eq!(site.installs(), [("KB916803 on NODE2".to_owned(), 2), ("KB916803 on NODE1".to_owned(), 1)]);
    let truth = site.emulation.truth();
    assert_eq!(truth.harm, Vec::<String>::new());
    assert!(truth.nodes.values().all(|n| n.files["cdoex.dll"] == "6.5.7650.29" && !n.broken && n.member));
    assert_eq!(truth.groups["EVS1"].owner, "NODE1");
}

/// What is asked for is there already: that is said, and nothing is begun.
#[test]
fn a_release_that_is_everywhere_already() {
    let site = Site::new(Setup::hotfix("NODE1").attested());
    let plan = site.plan();
    let hash = plan.hash();
    site.want(0, &["apply", "plan", "--approve", hash.as_str()]);
    let told = site.told();
    std::fs::remove_file(site.path("plan")).unwrap();
    let again = ["plan", "estate.toml", "--release", site.setup.release, "--out", "plan"];
    let there = "is on every server already";
    says(&site.want(0, &again), &["Nothing is to be done", there]);
    site.want(0, &["check", "plan"]);
    says(&site.want(0, &["apply", "plan"]), &["nothing was begun", there]);
    assert_eq!(site.told(), told, "nobody was told anything");
    assert_eq!(site.want(0, &["status"]).matches("exchange-2003-kb916803").count(), 1, "one run, the first");
}
