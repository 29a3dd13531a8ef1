//! `status`: all runs, or one.

use kaketsugi_platform::Question;
use kaketsugi_runner::RunSummary;

use crate::args::Global;
use crate::commands::{apply, discover};
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::{files, site};

pub(crate) fn run(global: &Global, output: &Output, id: Option<&str>) -> Result<Code, Failure> {
    let store = files::store(global);
    let Some(id) = id else {
        let runs = store.list().map_err(apply::journal_failure)?;
        let rehearsed = files::rehearsals(global).list().map_err(apply::journal_failure)?;
        output.result(&runs, || {
            if runs.is_empty() && rehearsed.is_empty() {
                return format!("No runs in {}", store.directory().display());
            }
            let mut text = String::new();
            for run in &runs {
                text.push_str(&line(run));
            }
            if !rehearsed.is_empty() {
                text.push_str("Rehearsals, on emulated nodes; nothing of them can be resumed:\n");
            }
            for run in &rehearsed {
                text.push_str(&line(run));
            }
            text
        });
        return Ok(Code::Done);
    };
    let (_, run, entries) = files::store_with(global, id).open(id).map_err(apply::journal_failure)?;
    let report = kaketsugi_report::report(&run, &entries);
    output.result(&report, || {
        let (done, of) = run.progress();
        let mut text = format!("run {}: {done} of {of} steps done\n", run.token().run);
        for step in &run.plan().steps {
            let mark = match run.state(&step.id) {
                Some(state) if state.when == Some(false) => "skipped",
                Some(state) if state.settled => "done",
                Some(state) if state.open => "in work",
                Some(state) if state.outcome.is_some() => "failed",
                _ => "",
            };
            text.push_str(&format!("  {mark:<8} {}\n", step.title));
        }
        for line in kaketsugi_report::next_steps(&run) {
            text.push_str(&format!("{}\n", kaketsugi_transport::sanitize(&line)));
        }
        text
    });
    Ok(Code::Done)
}

/// What is there now, by the machines' own word and not by the journal's.
pub(crate) async fn look(global: &Global, output: &Output, id: &str) -> Result<Code, Failure> {
    files::no_rehearsal(global, id)?;
    let (_, run, _) = files::store(global).open(id).map_err(apply::journal_failure)?;
    let plan = run.plan();
    let platform = site::platform(&plan.estate, global, &site::operator(output))?;
    let question = Question {
        payload: Some(&plan.payload),
        health: true,
        why: vec![format!("To see what is there now, for the run {id}.")],
        ..Question::default()
    };
    let snapshot = platform.probe(&question).await;
    if let Some(why) = platform.waits_for_person() {
        return Err(Failure::Waits { why });
    }
    output.result(&snapshot, || discover::seen(&snapshot));
    Ok(if snapshot.servers.values().all(|s| s.reached) { Code::Done } else { Code::Cannot })
}

fn line(run: &RunSummary) -> String {
    format!(
        "{}  {:<20} {:<24} {:>3}/{:<3} {}\n",
        run.run, run.estate, run.release, run.done, run.of, run.state
    )
}
