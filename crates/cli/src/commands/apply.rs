//! `apply`: judges the plan once more, asks for approval, carries it out.

use std::path::Path;
use std::sync::Arc;

use kaketsugi_plan::Plan;
use kaketsugi_platform::Platform;
use kaketsugi_report::Machines;
use kaketsugi_run::{End, Run, Why};
use kaketsugi_runner::{Driver, Ending, Journal, Note, RunSummary, Store};
use kaketsugi_transport::operator::Operator;

use crate::args::Global;
use crate::commands::check::{self, Judgement};
use crate::exit::{Code, Failure};
use crate::live::Live;
use crate::output::Output;
use crate::parent::Parent;
use crate::{directory, files, interrupt, site};

pub(crate) async fn run(
    global: &Global,
    output: &Output,
    path: &Path,
    approve: Option<&str>,
    estate: Option<&Path>,
) -> Result<Code, Failure> {
    let plan = files::plan(path)?;
    let now = estate.map(files::estate).transpose()?;
    site::not_a_node(&plan.estate)?;
    directory::needed(&plan, global)?;
    let judgement = check::judge(output, &plan, now.as_ref());
    if !judgement.is_safe() {
        output.result(&judgement, || judgement.text(&plan));
        return Ok(Code::Refused);
    }
    if plan.steps.is_empty() {
        return Ok(nothing_to_do(output, &plan));
    }
    let approval = approval(global, output, &plan, approve)?;
    let operator = site::operator(output);
    let platform = site::platform(&plan.estate, global, &operator)?;
    let store = files::store(global);
    none_by_hand(&store, &plan)?;
    let (mut journal, id) = store.begin(&plan, kaketsugi_runner::now()).map_err(journal_failure)?;
    note(&mut journal, &format!("{}, {approval}", site::account()), Machines::Real, &judgement)?;
    let mut run = Run::new(Arc::new(plan), id.clone());
    if !output.is_json() {
        output.note(&format!("Run {id}. Should this terminal be lost: kaketsugi resume {id}\n"));
    }
    let hands =
        Hands { platform: platform.as_ref(), operator: operator.as_ref(), patience_seconds_max: None };
    let code = drive(output, hands, &mut journal, &mut run).await;
    if !run.begun() {
        // A run that never began leaves nothing to resume.
        journal.discard();
    }
    code
}

/// A plan without a step: what is asked for is there.
fn nothing_to_do(output: &Output, plan: &Plan) -> Code {
    let why = format!(
        "Nothing is to be done, and nothing was begun: {} is on every server already.",
        plan.payload.title
    );
    match output.is_json() {
        true => ended(output, Code::Done, &why, &[], &[]),
        false => output.note(&why),
    }
    Code::Done
}

/// The last event: a reader of events alone knows how it ended, and why.
fn ended(output: &Output, code: Code, why: &str, seen: &[String], next: &[String]) {
    output.json(&serde_json::json!({
        "event": "ended", "exit": code as u8, "why": why, "seen": seen, "next": next,
    }));
}

/// Servers that only people reach have no locks: what is known here of other runs has to do.
fn none_by_hand(store: &Store, plan: &Plan) -> Result<(), Failure> {
    if site::by_hand(&plan.estate).next().is_none() {
        return Ok(());
    }
    let runs = store.list().map_err(journal_failure)?;
    let open = |run: &&RunSummary| {
        run.estate == plan.estate.name && run.begun.is_some() && !run.state.starts_with("finished")
    };
    match runs.iter().find(open) {
        None => Ok(()),
        Some(run) => Err(Failure::cannot(
            format!("the run {} of {} has not come to its end", run.run, run.estate),
            format!("Go on with it: kaketsugi resume {0}, or kaketsugi restore {0}.", run.run),
        )),
    }
}

/// Writes into a new run's journal what its report says beside the records.
pub(crate) fn note(
    journal: &mut Journal,
    approved_by: &str,
    machines: Machines,
    judgement: &Judgement,
) -> Result<(), Failure> {
    for (note, text) in [
        (Note::ApprovedBy, approved_by),
        (Note::Machines, machines.as_str()),
        (Note::Verdict, &judgement.summary()),
    ] {
        journal.note(note, text).map_err(journal_failure)?;
    }
    Ok(())
}

/// How a plan was approved: with the one before it, where nothing in it is new, else by the administrator's word for
/// exactly this plan.
fn approval(global: &Global, output: &Output, plan: &Plan, approve: Option<&str>) -> Result<String, Failure> {
    let parent = Parent::of(global, plan).filter(|parent| parent.new_in(plan).is_empty());
    match (parent, approve) {
        (Some(parent), None) => {
            output.note(&format!(
                "It follows on the run {}, and does nothing that wasn't approved then.",
                parent.run
            ));
            Ok(format!("with the plan of {} ({}), in which nothing is new", parent.run, parent.approved_by))
        }
        _ => approved(output, plan, approve)
            .map(|()| if approve.is_some() { "by --approve" } else { "at the terminal" }.to_owned()),
    }
}

/// The administrator's word for exactly this plan.
fn approved(output: &Output, plan: &Plan, approve: Option<&str>) -> Result<(), Failure> {
    let hash = plan.hash();
    match approve {
        Some(text) if hash.is_named_by(text) => Ok(()),
        Some(text) => Err(Failure::cannot(
            format!("`{text}` does not name this plan, whose hash is {hash}"),
            "Was the plan changed after it was approved? Read it again, then approve it by its own hash.",
        )),
        None if output.can_ask() => {
            output.text(&kaketsugi_plan::render::runbook_text(plan, 100));
            output.note(&format!(
                "\nTo approve this plan, type the first twelve digits of its hash ({}):",
                hash.short()
            ));
            let mut line = String::new();
            std::io::stdin()
                .read_line(&mut line)
                .map_err(|source| Failure::because("the answer can't be read", source, ""))?;
            if hash.is_named_by(line.trim()) {
                Ok(())
            } else {
                Err(Failure::cannot("not approved; nothing was done", "Type the digits as they are shown."))
            }
        }
        None => Err(Failure::cannot(
            "nobody is at the terminal to approve the plan",
            format!("Give its hash: --approve {}", hash.short()),
        )),
    }
}

/// Who carries a run out, and with how much patience.
#[derive(Clone, Copy)]
pub(crate) struct Hands<'a> {
    pub(crate) platform: &'a dyn Platform,
    pub(crate) operator: &'a dyn Operator,
    /// No step has more time than this; `None`: as its plan says.
    pub(crate) patience_seconds_max: Option<u32>,
}

/// Drives a run and says how it ended. `apply`, `resume`, `restore` and `rehearse` all come here.
pub(crate) async fn drive(
    output: &Output,
    Hands { platform, operator, patience_seconds_max }: Hands<'_>,
    journal: &mut Journal,
    run: &mut Run,
) -> Result<Code, Failure> {
    let interrupt = interrupt::of_run();
    let live = Live::new(*output, run.plan());
    let events = |event| live.hear(event);
    let mut driver = Driver { platform, operator, journal, events: &events, interrupt, patience_seconds_max };
    let ending = driver.drive(run).await;
    live.finish();
    let ending = ending.map_err(journal_failure)?;
    Ok(told(output, run, &ending))
}

fn told(output: &Output, run: &Run, ending: &Ending) -> Code {
    let code = match ending {
        Ending::Run(End::Finished) => Code::Done,
        Ending::Run(_) => match run.stopped() {
            Some(Why::WaitsForPerson { .. } | Why::AsksBeforeRetry { .. }) => Code::Waits,
            _ => Code::Stopped,
        },
        Ending::Unreached(_) => Code::Cannot,
        Ending::Drifted(_) => Code::Refused,
        Ending::Waits(_) => Code::Waits,
    };
    let (why, seen, next) = match ending {
        Ending::Unreached(silent) => (
            "Not every server of the plan could be reached. Nothing was changed.".to_owned(),
            silent.clone(),
            vec!["Apply the same plan again when they answer.".to_owned()],
        ),
        Ending::Drifted(differences) => (
            "The estate is not as the plan says. Nothing was changed.".to_owned(),
            differences.clone(),
            vec!["Make a new plan from what is there now: kaketsugi plan ESTATE --release ID".to_owned()],
        ),
        Ending::Waits(why) => (format!("Nothing was begun: {why}"), Vec::new(), Vec::new()),
        Ending::Run(_) => (String::new(), Vec::new(), kaketsugi_report::next_steps(run)),
    };
    if output.is_json() {
        ended(output, code, &why, &seen, &next);
        return code;
    }
    let all = (!why.is_empty()).then_some(why).into_iter();
    for line in all.chain(seen.into_iter().map(|line| format!("  {line}"))).chain(next) {
        output.note(&kaketsugi_transport::sanitize(&line));
    }
    code
}

pub(crate) fn journal_failure(source: kaketsugi_runner::JournalError) -> Failure {
    Failure::because("the journal", source, "Nothing was begun that is not in the journal.")
}
