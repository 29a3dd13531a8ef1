//! Nodes that no command reaches: a person carries every look there and types every line.

use crate::kit::{Carrier, Event, NODES, Script, Setup, Site, Terminal, said};
use kaketsugi_knowledge::Build;
use kaketsugi_plan::{Actor, Plan};

/// Plans at a terminal.
fn plan(site: &Site, carrier: &mut Carrier<'_>) -> Plan {
    let mut terminal = Terminal::start(site.kaketsugi(&[
        "plan",
        "estate.toml",
        "--release",
        site.setup.release,
        "--out",
        "plan",
    ]));
    assert_eq!(carrier.attend(None, &mut terminal), 0, "{}", terminal.text());
    serde_json::from_str(&std::fs::read_to_string(site.path("plan")).unwrap()).unwrap()
}

/// The transcript of the machine's way, with a person at each console: they start the installer with its dialogue.
fn script() -> Script {
    let text = include_str!("transcripts/hotfix-evs-on-node1.txt");
    let by_person = |line: &str| match line.split_once(".exe /quiet") {
        Some((before, _)) => {
            format!("{}.exe", before.replace("| NODE", "| person at NODE").replace("| C:", "| run C:"))
        }
        None => line.to_owned(),
    };
    Script::read(&text.lines().map(by_person).collect::<Vec<_>>().join("\n"))
}

/// What was told, without the person's own lines: the node says what they typed.
fn told(site: &Site) -> Vec<String> {
    let mut told = site.told();
    told.retain(|line| {
        !line.starts_with("person at NODE")
            || line.split_once(": ").is_some_and(|(_, what)| what.starts_with("run "))
    });
    told
}

#[test]
fn a_hotfix_by_hand_from_the_first_look_to_the_report() {
    let site = Site::new(Setup::hotfix("NODE1").by_hand());
    let mut carrier = Carrier::new(&site);
    let plan = plan(&site, &mut carrier);
    assert!(carrier.sheets <= 3, "a look needs few walks: {:?}", carrier.asked);
    let machine = plan.steps.iter().filter(|s| s.actor == Actor::Machine && !s.action.only_looks());
    assert_eq!(machine.count(), 0, "no machine does anything there");
    assert_eq!(site.told(), Vec::<String>::new(), "looking changes nothing");

    carrier.sheets = 0;
    let mut terminal = Terminal::start(site.apply(&plan));
    let code = carrier.attend(Some(&plan), &mut terminal);
    assert_eq!(code, 0, "{}", terminal.text());
    script().check(&told(&site));
    site.assert_mended();
    // One walk a step, the deeper ones of the first look, and little more.
    assert!(
        carrier.sheets <= plan.steps.len() + 6,
        "{} walks for {} steps",
        carrier.sheets,
        plan.steps.len()
    );
    assert!(carrier.waiting().is_empty(), "no sheet is left");

    let report = site.want(0, &["report", "last"]);
    assert!(report.contains("done by a person, seen in answers that a person carried"), "{report}");
    let looked = site.want(4, &["status", "last", "--look"]);
    assert!(looked.contains("NODE1-") && looked.contains("call this again"), "{looked}");
}

/// With an installer that asks for a restart on one node, the virtual server on the other, and a service to hold.
#[test]
fn a_hotfix_by_hand_with_a_restart() {
    let setup =
        Setup { fix: [true, false], asks_for_restart: [true, false], ..Setup::hotfix("NODE2").by_hand() };
    let site = Site::new(setup);
    let mut carrier = Carrier::new(&site);
    let plan = plan(&site, &mut carrier);
    let mut terminal = Terminal::start(site.apply(&plan));
    let code = carrier.attend(Some(&plan), &mut terminal);
    assert_eq!(code, 0, "{}", terminal.text());
    site.assert_mended();
    let restarts = told(&site).iter().filter(|l| l.contains("shutdown")).count();
    assert!(restarts >= 1, "{:?}", told(&site));
}

/// A whole service pack of an older Exchange by hand, and what was told against the transcript of the machine's way.
fn older(release: &'static str, build: Build, transcript: &str) {
    let site = Site::new(Setup::older(release, build, "NODE1"));
    let mut carrier = Carrier::new(&site);
    let plan = plan(&site, &mut carrier);
    assert!(carrier.sheets <= 4, "a look needs few walks: {:?}", carrier.asked);
    let mut terminal = Terminal::start(site.apply(&plan));
    let code = carrier.attend(Some(&plan), &mut terminal);
    assert_eq!(code, 0, "{}", terminal.text());
    // What is attested is called otherwise there, and lines may be typed on any node that can say them.
    let at_nodes = |line: &&str| !line.contains("person at desk");
    let script: Vec<&str> = transcript.lines().filter(at_nodes).collect();
    let mut told = site.told();
    told.retain(|line| !line.starts_with("person at desk"));
    let typed = |line: &String| {
        let (who, what) = line.split_once(": ").unwrap();
        !who.starts_with("person at ") || what.starts_with("run ") || what == "perfwiz"
    };
    told.retain(typed);
    let anywhere = |line: &str| {
        line.replace("NODE2           | cluster", "ANY | cluster")
            .replace("NODE1           | cluster", "ANY | cluster")
    };
    let told: Vec<String> = told
        .iter()
        .map(|line| match line.split_once(": cluster ") {
            Some((_, what)) => format!("ANY: cluster {what}"),
            None => line.clone(),
        })
        .collect();
    Script::read(&script.iter().map(|line| anywhere(line)).collect::<Vec<_>>().join("\n")).check(&told);
    let truth = site.emulation.truth();
    assert_eq!(truth.harm, Vec::<String>::new());
    assert!(truth.groups["EVS1"].online && truth.groups["Cluster Group"].online, "{truth:?}");
    assert!(truth.nodes.values().all(|node| node.powered && node.member && !node.broken), "{truth:?}");
    assert!(carrier.waiting().is_empty(), "no sheet is left");
    // The backup of after the service pack is the one that counts (E03-BACKUP-AFTER).
    let backups = site.want(0, &["backups", "estate.toml"]);
    println!("{backups}");
    for node in ["NODE1", "NODE2"] {
        let old = format!("{node}: can't be restored as it is now: made at Version");
        let new = format!("{node}: can be restored; made at Exchange");
        assert_eq!((backups.matches(&old).count(), backups.matches(&new).count()), (1, 1), "{backups}");
    }
    assert!(
        backups.find("can't be restored").unwrap() < backups.find("can be restored").unwrap(),
        "{backups}"
    );
}

/// The first sheet brings the script along, by which the others look.
#[test]
fn exchange_2000_by_hand_on_windows_2000() {
    let transcript = include_str!("transcripts/2000-sp3-active-passive.txt");
    // Where the example leaves it on the patched node, this estate's policy brings it home.
    let home = "home | ANY | cluster group EVS1 /moveto:NODE1";
    older("exchange-2000-sp3", Build::new(6, 0, 5762, 3), &format!("{transcript}\n{home}"));
}

#[test]
fn exchange_5_5_by_hand_on_windows_nt_4() {
    let transcript = include_str!("transcripts/5.5-sp4-active-passive.txt");
    older("exchange-5.5-sp4", Build::new(5, 5, 2650, 24), transcript);
}

#[test]
fn an_answer_that_is_not_the_sheet_s_is_refused_with_what_to_do() {
    let site = Site::new(Setup::hotfix("NODE1").by_hand());
    let mut carrier = Carrier::new(&site);
    // The answers of a look of yesterday lie on the person's disk, under the names of today's.
    carrier.brings = Some(|carrier| {
        for (node, path) in carrier.waiting() {
            let today = carrier.ran(&node, &path);
            let (mark, _) = today.split_once(" begin").unwrap();
            let stale = today.replace(mark, "kaketsugi-sheet 1-17a3c5d0-look000000000000");
            std::fs::write(path.with_extension("txt"), stale).unwrap();
        }
    });
    let mut terminal =
        Terminal::start(site.kaketsugi(&["plan", "estate.toml", "--release", site.setup.release]));
    let asked = match terminal.next(std::time::Duration::from_secs(60)) {
        crate::kit::Event::Asked(prompt) => prompt,
        other => panic!("{other:?}: {}", terminal.text()),
    };
    let brings = carrier.brings.take().unwrap();
    brings(&carrier);
    terminal.enter("done");
    let again = match terminal.next(std::time::Duration::from_secs(60)) {
        crate::kit::Event::Asked(prompt) => prompt,
        other => panic!("{other:?}: {}", terminal.text()),
    };
    assert_eq!(again.step, asked.step, "the same sheets, not new ones");
    for name in ["NODE1-1.txt", "NODE2-2.txt", "it is not the answer to this sheet"] {
        assert!(again.text.contains(name), "{name}: {}", again.text);
    }
    terminal.enter("cannot there is no other");
    assert_eq!(terminal.end(std::time::Duration::from_secs(60)), 4, "{}", terminal.text());
    assert!(terminal.text().contains("there is no other"), "{}", terminal.text());
    assert_eq!(site.told(), Vec::<String>::new());
}

#[test]
fn without_a_terminal_the_sheets_wait_and_the_call_is_repeated() {
    let site = Site::new(Setup::hotfix("NODE1").by_hand());
    let carrier = Carrier::new(&site);
    let arguments = ["plan", "estate.toml", "--release", site.setup.release, "--out", "plan"];
    let mut calls = 0;
    loop {
        calls += 1;
        let (code, text) = said(&site.run(&arguments));
        if code == Some(0) {
            break;
        }
        assert_eq!(code, Some(4), "{text}");
        assert!(text.contains("NODE1-") && text.contains("nobody is at the terminal"), "{text}");
        assert!(calls <= 4, "{text}");
        carrier.carry();
    }
    assert!(site.path("plan").exists());
    assert!(carrier.waiting().is_empty());
    assert_eq!(site.told(), Vec::<String>::new());
}

#[test]
fn a_sheet_on_the_wrong_computer_does_nothing() {
    let site = Site::new(Setup::hotfix("NODE1").by_hand());
    let carrier = Carrier::new(&site);
    let arguments = ["plan", "estate.toml", "--release", site.setup.release];
    site.want(4, &arguments);
    let sheets = carrier.waiting();
    assert_eq!(sheets.len(), 2);
    for (node, path) in &sheets {
        let other = NODES.into_iter().find(|n| n != node).unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let copy = format!(r#"find /v "" >C:\{stem}.cmd"#);
        let sheet = std::fs::read(path).unwrap();
        site.runtime.block_on(site.emulation.run(other, &copy, &sheet)).unwrap();
        let (_, said) = site.on(other, &format!(r"C:\{stem}.cmd"));
        assert!(said.contains(&format!("This sheet is for {node}, and this is {other}")), "{said}");
        assert_eq!(site.on(other, &format!(r"if exist C:\{stem}.txt exit 9")).0, 0, "no answer lies there");
    }
    // On the right ones they do.
    carrier.carry();
    let text = site.want(4, &arguments);
    assert!(!text.contains(sheets[0].1.file_name().unwrap().to_str().unwrap()), "{text}");
}

/// Without locks on the servers two runs must not meet.
#[test]
fn no_second_run_while_one_has_not_come_to_its_end() {
    let site = Site::new(Setup::hotfix("NODE1").by_hand());
    let mut carrier = Carrier::new(&site);
    let plan = plan(&site, &mut carrier);
    let mut terminal = Terminal::start(site.apply(&plan));
    let code = loop {
        match terminal.next(std::time::Duration::from_secs(60)) {
            Event::Asked(prompt) if prompt.step.starts_with("sheet ") => {
                carrier.carry();
                terminal.enter("done");
            }
            Event::Asked(_) => terminal.enter("cannot not tonight"),
            Event::Ended(code) => break code,
            Event::Quiet => panic!("{}", terminal.text()),
        }
    };
    assert!(matches!(code, 3 | 4), "{code}: {}", terminal.text());
    let text = site.want(1, &["apply", "plan", "--approve", plan.hash().as_str()]);
    assert!(text.contains("has not come to its end") && text.contains("kaketsugi resume"), "{text}");
    assert_eq!(site.told().iter().filter(|l| !l.contains("attest")).count(), 0, "{:?}", site.told());
}
