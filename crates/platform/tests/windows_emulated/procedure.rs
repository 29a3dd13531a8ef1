//! Plans for the example estate, carried out step by step: the planner's order, the platform's commands, the person's
//! hands. The transcripts are written by hand from KB 328839; its step numbers stand beside the lines.

use std::sync::Arc;

use kaketsugi_emulator::{Emulation, EmulationSpec, Instruction, Reply};
use kaketsugi_estate::{Estate, Policy, ServerId};
use kaketsugi_knowledge::releases;
use kaketsugi_plan::{Action, Actor, Answer, Payload, Plan, Step, baseline, judge};
use kaketsugi_platform::{Platform, Question};

use crate::kit::Site;

const EXAMPLE: &str = include_str!("../../../../examples/exchange-2003-two-node.toml");

pub(crate) fn example() -> Estate {
    kaketsugi_estate::file::parse("example", EXAMPLE).unwrap()
}

/// Emulated nodes for the estate, and the estate as it is reached there.
pub(crate) async fn emulate(estate: &Estate, release: &str) -> (Arc<Emulation>, Estate) {
    let mut spec = EmulationSpec::from_estate(estate, release).unwrap();
    spec.timing = crate::kit::spec(crate::kit::SP1).timing;
    let emulation = Arc::new(Emulation::start(&spec).await.unwrap());
    let estate = emulation.estate(estate);
    (emulation, estate)
}

async fn site(estate: &Estate, release: &str) -> Site {
    let (emulation, estate) = emulate(estate, release).await;
    Site::over(emulation, estate, release).await
}

/// What a person is told for a step.
fn instruction(step: &Step, payload: &Payload, estate: &Estate) -> Instruction {
    match &step.action {
        Action::Install { node, release } => {
            let media = estate.media.iter().find(|m| m.release == *release).unwrap();
            assert!(payload.find(release).is_some());
            Instruction::Install { node: node.to_string(), path: media.path.clone() }
        }
        Action::UpgradeGroup { group, node, .. } => {
            Instruction::UpgradeEvs { group: group.to_string(), node: node.to_string() }
        }
        other => Instruction::Attest { what: format!("{other:?}") },
    }
}

pub(crate) async fn carry_out(site: &Site, plan: &Plan) {
    site.platform.lock(&site.token).await.unwrap();
    for step in &plan.steps {
        let question = Question { payload: Some(&plan.payload), health: true, ..Question::default() };
        let begun = baseline(&site.platform.probe(&question).await);
        if let Some(when) = &step.when {
            let now = site.platform.probe(&question).await;
            if judge(when, &now, &site.start, Some(&begun)) != Answer::Yes {
                continue;
            }
        }
        match step.actor {
            Actor::Operator => {
                let reply = site.emulation.person().do_(instruction(step, &plan.payload, &plan.estate)).await;
                assert!(matches!(reply, Reply::Done { .. }), "{}: {reply:?}", step.id);
            }
            Actor::Machine if step.action.only_looks() => {}
            Actor::Machine => {
                let only = Plan { steps: vec![step.clone()], ..plan.clone() };
                let order = site.order(&only, 1);
                let code = match site.platform.begin(&order).await.unwrap() {
                    kaketsugi_platform::Begun::Ended { code, .. } => code,
                    kaketsugi_platform::Begun::Running => site.end(&order).await.unwrap().0,
                };
                assert!(matches!(code, 0 | 3010), "{}: {code}", step.id);
            }
        }
        if matches!(step.action, Action::Attest { .. }) {
            continue;
        }
        for condition in &step.expects {
            let mut answer = Answer::Unknown;
            for _ in 0..100 {
                let now = site.platform.probe(&question).await;
                answer = judge(condition, &now, &site.start, Some(&begun));
                if answer == Answer::Yes {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            }
            let evidence = matches!(condition, kaketsugi_plan::Condition::Evidence { .. });
            assert!(evidence || answer == Answer::Yes, "{}: {condition}", step.id);
        }
    }
    site.platform.unlock(&site.token).await.unwrap();
}

/// What was told, without attestations, waiting times and quotes, and with all Exchange resources in one line.
fn told(site: &Site) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for line in site.emulation.transcript().of_consequence() {
        if line.contains("attest:") {
            continue;
        }
        let line = line.replace('"', "").split(" /wait:").next().unwrap().to_owned();
        let line = match (line.split_once(" res "), line.contains("/offline")) {
            (Some((head, _)), true) => format!("{head} res * /offline"),
            (Some((head, _)), false) => format!("{head} res * /online"),
            (None, _) => line,
        };
        if told.last() != Some(&line) {
            told.push(line);
        }
    }
    told
}

pub(crate) fn plan(site: &Site, seen: &kaketsugi_estate::Snapshot) -> Plan {
    kaketsugi_planner::plan(&site.estate, seen, &site.payload)
        .unwrap_or_else(|why| panic!("{:#?}", why.findings))
}

#[tokio::test]
async fn a_service_pack_with_the_evs_on_node_1() {
    let site = site(&example(), "exchange-2003-sp2").await;
    let plan = plan(&site, &site.look().await);
    carry_out(&site, &plan).await;
    let fix = r"C:\media\windows-2003-kb831464\WindowsServer2003-KB831464-x86-ENU.exe";
    let pack = r"C:\media\exchange-2003-sp2\setup\i386\update.exe";
    let lines = told(&site);
    for line in &lines {
        println!("{line}");
    }
    // What is before the service pack on each node (step 1: the fix, and its restart) is looked at apart.
    let expected = [
        // Step 1, on the empty node: its cluster service may run.
        format!("person at NODE2: run {fix}"),
        "NODE2: shutdown -r -f -t 3".into(),
        "NODE1: cluster node NODE2 /stop".into(),         // 3
        format!("person at NODE2: run {pack}"),           // 4
        "NODE1: cluster res * /offline".into(),           // 7
        "NODE1: cluster node NODE2 /start".into(),        // 8
        "NODE2: cluster group EVS1 /moveto:NODE2".into(), // 9
        "person at NODE2: Cluster Administrator: upgrade EVS1".into(), // 10, 11
        "NODE2: cluster res * /online".into(),            // 12
        "NODE2: cluster group Cluster Group /moveto:NODE2".into(), // note to 2, for node 1
        format!("person at NODE1: run {fix}"),            // 1
        "NODE1: shutdown -r -f -t 3".into(),
        "NODE2: cluster node NODE1 /stop".into(),         // 13
        format!("person at NODE1: run {pack}"),           // 14
        "NODE2: cluster node NODE1 /start".into(),        // 15
        "NODE1: cluster group EVS1 /moveto:NODE1".into(), // 17: and it is home again
    ];
    assert_eq!(lines, expected);
    assert_eq!(site.emulation.truth().harm, Vec::<String>::new());
    assert_eq!(
        site.emulation.directory().serial_numbers["EVS1"],
        "Version 6.5 (Build 7638.2: Service Pack 2)"
    );
}

#[tokio::test]
async fn a_hotfix_with_the_evs_on_node_2() {
    let mut estate = example();
    for node in estate.rehearsal.nodes.values_mut() {
        node.installed = Some("6.5.7638.2".into());
    }
    for group in estate.rehearsal.groups.values_mut() {
        group.version = Some("6.5.7638.2".into());
        group.owner = Some(ServerId::new("NODE2").unwrap());
    }
    estate.policy = Policy::default();
    let site = site(&estate, "exchange-2003-kb916803").await;
    let plan = plan(&site, &site.look().await);
    carry_out(&site, &plan).await;
    let lines = told(&site);
    for line in &lines {
        println!("{line}");
    }
    let hotfix = |node: &str| {
        let begins = format!("{node}: ");
        let installs = |l: &&String| l.contains("Exchange2003-KB916803-x86-ENU.exe /quiet /norestart");
        lines.iter().position(|l| l.starts_with(&begins) && installs(&l)).unwrap()
    };
    let (first, second) = (hotfix("NODE1"), hotfix("NODE2"));
    assert!(first < second, "the node without the EVS comes first");
    assert!(!lines.iter().any(|l| l.contains("upgrade EVS1")), "step 11: left out with a hotfix");
    assert!(site.emulation.truth().groups["EVS1"].online);
    assert_eq!(site.emulation.truth().groups["EVS1"].owner, "NODE2", "home again");
    assert_eq!(site.emulation.truth().harm, Vec::<String>::new());
    assert!(releases().resolve("exchange-2003-kb916803").is_some());
}
