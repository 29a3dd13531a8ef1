//! What a run looks like while it goes on: a live view in a terminal, plain lines elsewhere, events as JSON.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use kaketsugi_estate::GroupState;
use kaketsugi_plan::{Action, Actor, Plan, StepId};
use kaketsugi_run::{Event, GroupLine, Outcome, Record, What};

use crate::output::Output;
use crate::site;

/// How often the live view moves.
const TICK: Duration = Duration::from_millis(250);

/// Hears events and shows them.
pub(crate) struct Live {
    output: Output,
    /// What each step does: the words for its end depend on it.
    actions: BTreeMap<StepId, Action>,
    view: Option<View>,
    title: Mutex<String>,
}

struct View {
    all: MultiProgress,
    step: ProgressBar,
    /// What the step is at: what it waits for.
    doing: ProgressBar,
    groups: ProgressBar,
    /// Whether it is off the screen, because a person is asked something there.
    away: AtomicBool,
}

impl Live {
    pub(crate) fn new(output: Output, plan: &Plan) -> Self {
        // Where a person carries the looks, the screen is theirs all the time.
        let carried = site::by_hand(&plan.estate).next().is_some();
        let terminal = !output.is_json() && std::io::stderr().is_terminal() && !carried;
        let actions = plan.steps.iter().map(|s| (s.id.clone(), s.action.clone())).collect();
        Self { output, actions, view: terminal.then(View::new), title: Mutex::default() }
    }

    pub(crate) fn hear(&self, event: Event) {
        if self.output.is_json() {
            self.output.json(&event);
            return;
        }
        match &event.what {
            What::StepInWork { title, number, of, actor, expected_seconds, .. } => {
                let who = if *actor == Actor::Operator { " (by a person)" } else { "" };
                let line = format!("{number}/{of} {title}{who}");
                if let Ok(mut current) = self.title.lock() {
                    current.clone_from(&line);
                }
                if let Some(view) = &self.view {
                    view.make_way(*actor == Actor::Operator);
                }
                match self.drawn() {
                    Some(view) => view.step(&line, *expected_seconds),
                    None => self.line(&format!("{} {line}", clock(event.at.0))),
                }
            }
            What::Recorded { entry, .. } => {
                if let Some(text) = record(entry, &|step| self.actions.get(step)) {
                    let title = self.title.lock().map(|t| t.clone()).unwrap_or_default();
                    let text = if self.drawn().is_some()
                        && matches!(
                            entry,
                            Record::Outcome { .. } | Record::AlreadyDone { .. } | Record::When { .. }
                        ) {
                        format!("{title}: {text}")
                    } else {
                        format!("  {text}")
                    };
                    self.line(&format!("{} {text}", clock(event.at.0)));
                }
            }
            What::Progress { doing, .. } => {
                if let Some(view) = self.drawn() {
                    view.doing(&kaketsugi_transport::sanitize(doing));
                }
            }
            What::Groups { groups } => {
                let text = groups.iter().map(group).collect::<Vec<_>>().join("  ");
                match self.drawn() {
                    Some(view) => view.groups.set_message(text),
                    None => self.line(&format!("{}   groups: {text}", clock(event.at.0))),
                }
            }
            What::Reach { node, reached } => {
                let text = if *reached { "answers again" } else { "doesn't answer" };
                self.line(&format!("{}   {node} {text}", clock(event.at.0)));
            }
            What::Note { text } => {
                self.line(&format!("{}   {}", clock(event.at.0), kaketsugi_transport::sanitize(text)));
            }
        }
    }

    /// The live view, while it is on the screen.
    fn drawn(&self) -> Option<&View> {
        self.view.as_ref().filter(|view| !view.away.load(Ordering::Relaxed))
    }

    fn line(&self, text: &str) {
        match self.drawn() {
            Some(view) => {
                let _ = view.all.println(text);
            }
            None => self.output.note(text),
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(view) = &self.view {
            view.step.finish_and_clear();
            view.doing.finish_and_clear();
            view.groups.finish_and_clear();
        }
    }
}

impl View {
    fn new() -> Self {
        let all = MultiProgress::new();
        let step = all.add(ProgressBar::new(1));
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        // The bar follows the time on its own: while an installer works, nobody has anything to tell.
        let bar = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = out.write_str(&bar(state.elapsed(), state.len()));
        };
        step.set_style(style("{spinner} {elapsed} of about {len}s [{course}] {msg}").with_key("course", bar));
        step.enable_steady_tick(TICK);
        let doing = all.add(ProgressBar::new_spinner());
        doing.set_style(style("  {msg}"));
        let groups = all.add(ProgressBar::new_spinner());
        groups.set_style(style("  groups: {msg}"));
        Self { all, step, doing, groups, away: AtomicBool::new(false) }
    }

    /// Leaves the screen to a question, which drawing would overwrite, or takes it back.
    fn make_way(&self, away: bool) {
        if self.away.swap(away, Ordering::Relaxed) == away {
            return;
        }
        if away {
            self.step.disable_steady_tick();
            // What can't be wiped away is overwritten by the question.
            let _ = self.all.clear();
            self.all.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            self.all.set_draw_target(ProgressDrawTarget::stderr());
            self.step.enable_steady_tick(TICK);
        }
    }

    fn step(&self, line: &str, expected_seconds: u32) {
        self.step.reset();
        self.step.set_length(u64::from(expected_seconds.max(1)));
        self.step.set_message(line.to_owned());
        self.doing.set_message("");
    }

    fn doing(&self, text: &str) {
        self.doing.set_message(text.to_owned());
    }
}

/// How much of the expected time is over, as a bar that never says that it is done.
fn bar(elapsed: Duration, expected_seconds: Option<u64>) -> String {
    const CELLS: u64 = 20;
    let full = elapsed.as_secs() * CELLS / expected_seconds.unwrap_or(1).max(1);
    let full = usize::try_from(full.min(CELLS - 1)).unwrap_or_default();
    format!("{:<20}", format!("{}>", "=".repeat(full)))
}

fn group(line: &GroupLine) -> String {
    let owner = line.owner.as_ref().map_or("nowhere", |o| o.as_str());
    let state = match (line.state, line.healthy) {
        (GroupState::Online, Some(false)) => "online, but not serving".to_owned(),
        (state, _) => state.to_string(),
    };
    format!("{} on {owner} ({state})", line.group)
}

/// A step whose end was there before anything was done.
fn found_so(action: Option<&Action>) -> &'static str {
    match action {
        Some(Action::Verify { .. }) => "it is so",
        Some(Action::Quiet { .. }) => "nothing there has to be held",
        Some(Action::PutBack { .. }) => "it is as it was; nothing has to be put back",
        Some(Action::StartService { .. }) => "it runs",
        _ => "it is so already; nothing was done",
    }
}

fn done(action: Option<&Action>) -> Option<String> {
    match action {
        // Who attested it was said a moment ago.
        Some(Action::Attest { .. }) => None,
        Some(Action::Verify { .. }) => Some("it is so".into()),
        Some(Action::Soak { seconds, .. }) => Some(format!("it did well for {seconds} s")),
        _ => Some("done".into()),
    }
}

/// What a record means to somebody who looks on; None for what only matters to a resume.
fn record<'a>(record: &Record, action: &dyn Fn(&StepId) -> Option<&'a Action>) -> Option<String> {
    match record {
        Record::Begun { .. } => Some("the run begins".into()),
        Record::Resumed { restore: true, .. } => Some("settings are put back".into()),
        Record::Resumed { .. } => Some("the run goes on".into()),
        Record::Locked { .. } => Some("all locks are held".into()),
        Record::When { answer: false, .. } => Some("not needed".into()),
        Record::AlreadyDone { step } => Some(found_so(action(step)).into()),
        Record::Outcome { step, outcome: Outcome::Done { .. }, .. } => done(action(step)),
        Record::Outcome { outcome: Outcome::Failed { code, output }, .. } => {
            let code = code.map_or(String::new(), |c| format!(" with exit code {c}"));
            let tail = output.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default();
            Some(kaketsugi_transport::sanitize(&format!("failed{code}: {tail}")))
        }
        Record::Outcome { outcome: Outcome::Cancelled { why }, .. } => {
            Some(kaketsugi_transport::sanitize(&format!("cancelled: {why}")))
        }
        Record::Outcome { outcome: Outcome::Lost { .. }, .. } => {
            Some("begun, and its end isn't known".into())
        }
        Record::Attested { evidence } => {
            Some(kaketsugi_transport::sanitize(&format!("attested by {}", evidence.by)))
        }
        Record::Finished => Some("finished; all locks are given back".into()),
        Record::When { .. } | Record::StepBegun { .. } | Record::Intent { .. } | Record::Stopped { .. } => {
            None
        }
    }
}

fn clock(at_ms: u64) -> String {
    jiff::Timestamp::from_millisecond(i64::try_from(at_ms).unwrap_or_default())
        .unwrap_or_default()
        .to_zoned(jiff::tz::TimeZone::system())
        .strftime("%H:%M:%S")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_follows_the_time_and_never_is_full() {
        let at = |seconds| bar(Duration::from_secs(seconds), Some(100));
        assert_eq!(at(0), ">                   ");
        assert_eq!(at(50), "==========>         ");
        assert_eq!(at(99), "===================>");
        assert_eq!(at(5000), "===================>");
        assert_eq!(bar(Duration::from_secs(1), None).len(), 20);
    }
}
