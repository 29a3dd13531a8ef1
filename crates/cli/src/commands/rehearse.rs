//! `rehearse`: the same run on emulated nodes, with an emulated person at the console.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kaketsugi_emulator::{
    Behaviour, Emulation, EmulationSpec, Fault, FaultKind, Instruction, RehearsalError, Reply,
};
use kaketsugi_estate::Estate;
use kaketsugi_plan::{Action, Plan, render};
use kaketsugi_platform::windows::{Directory, DirectoryError, ServerObject, WindowsCluster};
use kaketsugi_report::Machines;
use kaketsugi_run::Run;
use kaketsugi_transport::operator::{Answer, AskFuture, Operator, Outcome, Request};

use crate::args::{DirectoryArgs, Format, Global};
use crate::commands::{apply, check, plan};
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::{files, site};

/// In a rehearsal nobody waits for a patched node to show that it does well.
const SOAK_SECONDS_MAX: u32 = 2;

/// Emulated nodes do everything in a second or two: what takes longer than this is stuck. And nobody waits half a day for
/// a person who has forgotten what they were asked.
const STEP_SECONDS_MAX: u32 = 20;

pub(crate) async fn run(
    global: &Global,
    output: &Output,
    path: &Path,
    release: &str,
    faults: &[String],
    runbook: bool,
) -> Result<Code, Failure> {
    let mut estate = files::estate(path)?;
    estate.policy.soak_seconds = estate.policy.soak_seconds.min(SOAK_SECONDS_MAX);
    let spec = EmulationSpec::from_estate(&estate, release).map_err(impossible)?;
    let emulation = Emulation::start(&spec)
        .await
        .map_err(|source| Failure::because("the emulated nodes can't be started", source, ""))?;
    let emulation = Arc::new(emulation);
    let faults: Vec<Programmed> =
        faults.iter().map(|text| Programmed::read(&emulation, text)).collect::<Result<_, _>>()?;
    let estate = emulation.estate(&estate);
    let place = tempfile::tempdir()
        .map_err(|source| Failure::because("there is no room for the rehearsal's files", source, ""))?;
    let platform = platform(&emulation, &estate, place.path())?;

    let plan = plan::make(&estate, &platform, release, output).await?;
    if !output.is_json() {
        let text = if runbook { render::runbook_text } else { render::summary_text };
        output.text(&text(&plan, 100));
        output.note("");
    }
    let judgement = check::judge(output, &plan, None);
    if !output.is_json() {
        output.text(&judgement.text(&plan));
    }
    if !judgement.is_safe() {
        output.result(&judgement, String::new);
        return Ok(Code::Refused);
    }

    for fault in faults {
        fault.program(&emulation);
    }
    let operator = Console { emulation: Arc::clone(&emulation), plan: plan.clone() };
    // Beside the journals of runs, not among them: nobody can resume it by mistake.
    let store = files::rehearsals(global);
    let (mut journal, id) = store.begin(&plan, kaketsugi_runner::now()).map_err(apply::journal_failure)?;
    let nobody = "nobody: a rehearsal needs no approval";
    apply::note(&mut journal, nobody, Machines::Emulated, &judgement)?;
    let mut run = Run::new(Arc::new(plan), id.clone());
    if !output.is_json() {
        output.note("The rehearsal begins, on emulated nodes. Nothing real is touched.\n");
    }
    let hands = apply::Hands {
        platform: &platform,
        operator: &operator,
        patience_seconds_max: Some(STEP_SECONDS_MAX),
    };
    let mut code = apply::drive(output, hands, &mut journal, &mut run).await?;
    let harm = emulation.truth().harm;
    if code == Code::Done && !harm.is_empty() {
        code = Code::Refused;
    }
    if !run.begun() {
        journal.discard();
    } else if !output.is_json() {
        output.note(&format!(
            "\nThis was a rehearsal: its nodes are gone, and there is nothing to resume. What would be said after a real run \
             is above; its evidence, marked as a rehearsal: kaketsugi report {id}"
        ));
    }
    if !output.is_json() {
        output.text("\nWhat each node and each person were told, in this order:\n");
        for line in emulation.transcript().of_consequence() {
            output.text(&format!("  {}", kaketsugi_transport::sanitize(&line)));
        }
        for harm in &harm {
            output.note(&format!("What must never happen has happened there: {harm}."));
        }
        output.text(
            "\nEmulated nodes answer as documents say that Windows does. Nothing here was tried on Windows.",
        );
    }
    Ok(code)
}

fn impossible(why: RehearsalError) -> Failure {
    let help = match why {
        RehearsalError::Pacemaker(_) => "They are tried on a real one: cargo xtask lab up (docs/lab.md).",
        RehearsalError::SeveralClusters(_) => "Split the estate file by cluster.",
        _ => "",
    };
    Failure::because("this can't be rehearsed", why, help)
}

fn platform(emulation: &Arc<Emulation>, estate: &Estate, place: &Path) -> Result<WindowsCluster, Failure> {
    let known_hosts = place.join("known_hosts");
    let key = place.join("id");
    files::write_new(&known_hosts, &emulation.known_hosts(), "")?;
    files::write_new(&key, emulation.client_key(), "")?;
    // Nothing of this account's own settings has a say among emulated nodes.
    let ssh_config = place.join("ssh_config");
    files::write_new(&ssh_config, "", "")?;
    let global = Global {
        format: Format::Human,
        state: None,
        known_hosts: Some(known_hosts),
        identity: Some(key),
        ssh_config: Some(ssh_config),
        directory: DirectoryArgs::default(),
    };
    let hosts = site::hosts(estate, &global, None)?;
    Ok(WindowsCluster::new(estate.clone(), hosts).with_directory(Arc::new(Mirror(Arc::clone(emulation)))))
}

/// The emulation's directory, as the platform asks for it.
#[derive(Debug)]
struct Mirror(Arc<Emulation>);

#[async_trait]
impl Directory for Mirror {
    async fn server(&self, name: &str) -> Result<Option<ServerObject>, DirectoryError> {
        let directory = self.0.directory();
        Ok(directory.serial_numbers.get(name).map(|serial| ServerObject {
            serial_number: Some(serial.clone()),
            storage_groups: directory.storage_groups.get(name).copied(),
        }))
    }
}

/// The emulated person at the nodes' consoles.
struct Console {
    emulation: Arc<Emulation>,
    plan: Plan,
}

impl Console {
    /// What the step means at the console.
    fn instruction(&self, request: &Request) -> Option<Instruction> {
        let (id, _) = request.id.rsplit_once('#')?;
        let step = self.plan.steps.iter().find(|s| s.id.as_str() == id)?;
        Some(match &step.action {
            Action::Install { node, release } => {
                let payload = self.plan.payload.find(release)?;
                let kaketsugi_plan::Content::Media(media) = &payload.content else { return None };
                Instruction::Install { node: node.to_string(), path: media.first()?.path.clone() }
            }
            Action::UpgradeGroup { group, node, .. } => {
                Instruction::UpgradeEvs { group: group.to_string(), node: node.to_string() }
            }
            Action::Drain { node, .. } => Instruction::Balance { node: node.to_string(), requests: false },
            Action::Readmit { node, .. } => Instruction::Balance { node: node.to_string(), requests: true },
            Action::Optimize { node } => Instruction::Optimize { node: node.to_string() },
            Action::Restart { node } => Instruction::Restart { node: node.to_string() },
            Action::Attest { .. } => Instruction::Attest { what: step.title.clone() },
            _ => return None,
        })
    }
}

impl Operator for Console {
    fn ask(&self, request: Request) -> AskFuture<'_> {
        Box::pin(async move {
            let by = "the emulated person".to_owned();
            let Some(instruction) = self.instruction(&request) else {
                let outcome = Outcome::Cannot("the emulated person doesn't know how".into());
                return Ok(Answer { outcome, by });
            };
            let outcome = match self.emulation.person().do_(instruction).await {
                Reply::Done { .. } => Outcome::Done,
                Reply::Failed(why) => Outcome::Cannot(why),
            };
            Ok(Answer { outcome, by })
        })
    }
}

/// A fault of the command line. It strikes the run, not the planning before it.
enum Programmed {
    Person(Behaviour),
    StaysOff(String),
    Command(Fault),
}

impl Programmed {
    /// `operator=BEHAVIOUR`, `NODE=stays-off`, or `NODE:TEXT=WHAT` for the first command on the node that holds the text.
    fn read(emulation: &Emulation, text: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::cannot(
                format!("`{text}` is no fault"),
                "operator=late|forgetful|wrong-evs|claims-done, or NODE=stays-off (it doesn't come back from its \
                 restart), or NODE:TEXT=fail|hang|lost-before|lost-after|power-cut|file-in-use for the first command on \
                 the node that holds the text, such as \"NODE2:/quiet=hang\" for an installer, or \"NODE1:console=power-cut\" \
                 for set-up that a person runs there",
            )
        };
        let (place, what) = text.rsplit_once('=').ok_or_else(wrong)?;
        if place == "operator" {
            return Ok(Self::Person(match what {
                "late" => Behaviour::Late(Duration::from_secs(3)),
                "forgetful" => Behaviour::Forgetful,
                "wrong-evs" => Behaviour::WrongEvs,
                "claims-done" => Behaviour::ClaimsDone,
                _ => return Err(wrong()),
            }));
        }
        let known = |node: &str| emulation.address(node).is_some();
        if what == "stays-off" && known(place) {
            return Ok(Self::StaysOff(place.to_owned()));
        }
        let (node, matching) = place.split_once(':').filter(|(node, _)| known(node)).ok_or_else(wrong)?;
        let kind = match what {
            "fail" => FaultKind::Fail { code: 1, text: "a fault of the rehearsal".into() },
            "hang" => FaultKind::Hang,
            "lost-before" => FaultKind::LostBefore,
            "lost-after" => FaultKind::LostAfter,
            "power-cut" => FaultKind::PowerCut { after: Duration::from_millis(200) },
            "file-in-use" => FaultKind::FileInUse { file: "exmgmt.exe".into(), installed: false },
            _ => return Err(wrong()),
        };
        Ok(Self::Command(Fault::first(matching, kind).on(node)))
    }

    fn program(self, emulation: &Emulation) {
        match self {
            Self::Person(behaviour) => emulation.person().will([behaviour]),
            Self::StaysOff(node) => emulation.comes_back(&node, false),
            Self::Command(fault) => emulation.fault(fault),
        }
    }
}
