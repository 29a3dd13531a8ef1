//! `plan`: probes the estate, plans, prints the runbook.

use std::path::Path;

use kaketsugi_estate::{Estate, Snapshot};
use kaketsugi_plan::Plan;
use kaketsugi_platform::{Platform, Question};

use crate::args::Global;
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::parent::Parent;
use crate::{directory, files, site};

/// Columns of what is printed.
const WIDTH: usize = 100;

/// What is wanted of a plan.
pub(crate) struct Wanted<'a> {
    pub(crate) release: &'a str,
    /// Where it is written.
    pub(crate) out: Option<&'a Path>,
    /// Whether its runbook is printed as Markdown.
    pub(crate) markdown: bool,
}

/// `after`: the run that was given up, on which the plan follows.
pub(crate) async fn run(
    global: &Global,
    output: &Output,
    path: &Path,
    wanted: &Wanted<'_>,
    after: Option<&str>,
) -> Result<Code, Failure> {
    let estate = files::estate(path)?;
    site::not_a_node(&estate)?;
    let parent = after.map(|run| Parent::named(global, run)).transpose()?;
    let platform = site::platform(&estate, global, &site::operator(output))?;
    let mut plan = make(&estate, platform.as_ref(), wanted.release, output).await?;
    if let Some(parent) = &parent {
        parent.adopt(&mut plan)?;
    }
    if let Some(out) = wanted.out {
        files::write_new(
            out,
            &plan.canonical(),
            "What an approval rests on is never overwritten: name another file.",
        )?;
    }
    output.result(&plan, || {
        use kaketsugi_plan::render::{runbook_markdown, runbook_text};
        let mut text = if wanted.markdown { runbook_markdown(&plan) } else { runbook_text(&plan, WIDTH) };
        if let Some(parent) = &parent {
            let (diff, new) = (parent.diff(&plan), parent.new_in(&plan));
            text.push('\n');
            text.push_str(&if wanted.markdown { diff.to_markdown(&new) } else { diff.to_text(&new, WIDTH) });
        }
        text
    });
    if plan.steps.is_empty() {
        output.note(&format!("\nNothing is to be done: {} is on every server already.", plan.payload.title));
    } else if let Some(out) = wanted.out {
        let again = parent.is_none_or(|parent| !parent.new_in(&plan).is_empty());
        let approve = if again { format!(" --approve {}", plan.hash().short()) } else { String::new() };
        output.note(&format!(
            "\nThe plan is in {0}. Next: kaketsugi check {0}, then kaketsugi apply {0}{approve}",
            out.display()
        ));
    }
    Ok(Code::Done)
}

/// Probes, freezes the release, plans.
pub(crate) async fn make(
    estate: &Estate,
    platform: &dyn Platform,
    release: &str,
    output: &Output,
) -> Result<Plan, Failure> {
    if !output.is_json() {
        let servers = kaketsugi_plan::render::words::count(estate.servers.len(), "server", "servers");
        output.note(&format!("Looking at {servers} …"));
    }
    let mut question = Question {
        health: true,
        why: vec![format!("To see what is there before {release} is planned.")],
        ..Question::default()
    };
    // One look is enough where it costs a walk: what a release is doesn't depend on the servers there.
    let first = match platform.looks_cost_a_person(&question) {
        true => Snapshot::default(),
        false => platform.probe(&question).await,
    };
    reached(&first)?;
    let payload = platform.freeze(release, &first).await.map_err(|source| {
        Failure::because(format!("what `{release}` would install can't be settled"), source, "")
    })?;
    question.payload = Some(&payload);
    let mut snapshot = platform.probe(&question).await;
    if let Some(why) = platform.waits_for_person() {
        return Err(Failure::Waits { why });
    }
    reached(&snapshot)?;
    directory::versions_known(&payload, &snapshot)?;
    snapshot.evidence.extend(estate.evidence.iter().map(|e| kaketsugi_estate::Evidence {
        kind: e.kind,
        at: e.at,
        by: e.by.clone(),
    }));
    kaketsugi_planner::plan(estate, &snapshot, &payload)
        .map_err(|refused| Failure::Refused { findings: refused.findings })
}

/// Refuses to go on while a server doesn't answer.
fn reached(seen: &Snapshot) -> Result<(), Failure> {
    let unreached: Vec<String> = seen
        .servers
        .iter()
        .filter(|(_, s)| !s.reached)
        .map(|(id, s)| format!("{id}: {}", s.unreached_why.as_deref().unwrap_or("no reason known")))
        .collect();
    if !unreached.is_empty() {
        return Err(Failure::cannot(
            format!("not every server of the estate answers:\n  {}", unreached.join("\n  ")),
            "Nothing is planned, and nothing changed anywhere, before every server was reached.",
        ));
    }
    Ok(())
}
