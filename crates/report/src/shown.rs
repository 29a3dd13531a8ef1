//! The report as Markdown and as text.

use kaketsugi_estate::Millis;
use kaketsugi_plan::render::page::{Field, Line, Page};
use kaketsugi_plan::render::words;

use crate::cutoff::Course;
use crate::detail::{bounded, detail};
use crate::trail::StepResult;
use crate::{Machines, Report, State, Stop};

impl Report {
    /// The report as Markdown. Output of commands stands between fences that it can't end.
    #[must_use]
    pub fn markdown(&self) -> String {
        self.page().to_markdown()
    }

    /// The report as text, wrapped at `width` columns.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        self.page().to_text(width)
    }

    fn page(&self) -> Page {
        let mut page = Page::new(format!("Evidence report: {} on {}", self.release_title, self.estate));
        page.text(Line::default().strong(self.outcome()));
        self.asked(&mut page);
        self.rests_on(&mut page);
        self.versions(&mut page);
        self.interruptions(&mut page);
        self.stops(&mut page);
        self.left(&mut page);
        self.settings(&mut page);
        self.evidence(&mut page);
        self.glance(&mut page);
        self.details(&mut page);
        page
    }

    fn outcome(&self) -> String {
        let steps = format!("{} of {} steps", self.done, self.of);
        match self.state {
            State::NotBegun => "Not begun: nothing was changed.".into(),
            State::InWork => format!("In work, or its controller is gone; {steps} are done."),
            State::Stopped => format!("Stopped, safe; {steps} are done."),
            State::Finished => format!("Carried out to its end; {steps} are done or were not needed."),
            State::Restored => {
                format!("Given up after {steps}; what was changed beside the release is put back.")
            }
        }
    }

    fn asked(&self, page: &mut Page) {
        page.heading("What was asked");
        let code = |text: &str| Line::default().code(text);
        let approved = match (&self.approved_by, self.approved_at) {
            (Some(by), Some(at)) => format!("by {by}, {}", words::utc(at)),
            (Some(by), None) => format!("by {by}"),
            (None, Some(at)) => format!("by {}; the journal does not name by whom", words::utc(at)),
            (None, None) => "the journal does not say by whom".into(),
        };
        let mut times: Vec<Line> = Vec::new();
        if let (Some(from), Some(to)) = (self.begun, self.last) {
            let long = words::duration(to.0.saturating_sub(from.0).div_ceil(1000));
            times.push(format!("{} to {} ({long})", words::utc(from), words::utc(to)).into());
        }
        let taken_over = self.taken_over.iter().map(|t| {
            let how = match (t.restore, t.retry) {
                (true, _) => "given up, to put back only",
                (false, true) => "gone on with, one retry allowed",
                (false, false) => "gone on with",
            };
            let reason = if t.reason.is_empty() { String::new() } else { format!(": {}", t.reason) };
            Line::from(format!("{} {how}{reason}", words::utc(t.at)))
        });
        times.extend(taken_over);
        page.fields(vec![
            Field::one("Run", code(&self.run)),
            Field::one("Estate", self.estate.as_str()),
            Field::one("Release", code(&self.release).then(format!(": {}", self.release_title))),
            Field::one("Procedure", self.section.as_str()),
            Field::one("Plan", code(self.plan.as_str())),
            Field::one("Made from", format!("what was seen at {}", words::utc(self.snapshot_at))),
            Field::one("Approved", approved),
            Field::new("Judged", self.verdict.iter().map(|v| Line::from(v.as_str())).collect()),
            Field::new("Time", times),
        ]);
    }

    /// What the claims below rest on, counted from the steps.
    fn rests_on(&self, page: &mut Page) {
        page.heading("What this rests on");
        let mut lines: Vec<Line> = vec![match self.machines {
            Machines::Real => "The machines are real.".into(),
            Machines::Emulated => Line::default()
                .strong("The machines are emulated: this was a rehearsal.")
                .then(" It shows what the procedure does, not that it was done."),
            Machines::NotSaid => "The journal does not say whether the machines are real or emulated.".into(),
        }];
        let mut kinds: Vec<(String, Vec<usize>)> = Vec::new();
        for step in &self.steps {
            let Some(basis) = &step.rests_on else { continue };
            let words = basis.words();
            match kinds.iter_mut().find(|(known, _)| *known == words) {
                Some((_, numbers)) => numbers.push(step.number),
                None => kinds.push((words, vec![step.number])),
            }
        }
        let line = |(words, numbers): &(String, Vec<usize>)| {
            let count = words::count(numbers.len(), "step", "steps");
            Line::from(format!("{count} {words}: {}", words::steps(numbers)))
        };
        lines.extend(kinds.iter().map(line));
        if !self.without_lock.is_empty() {
            let line =
                Line::from("No lock was taken on ").codes(self.without_lock.iter().map(|s| s.as_str()));
            let why = ": only people acted there. Whether two runs had hands on it at once, none of the two could see.";
            lines.push(line.then(why));
        }
        page.list(lines);
        page.text(
            "Times are those of the controller's clock: when it gave an order, and when it saw the proof. What \
             happened on a machine in between is not in them.",
        );
    }

    fn versions(&self, page: &mut Page) {
        if self.versions.is_empty() {
            return;
        }
        page.heading("Versions");
        let rows = self.versions.iter().map(|v| {
            let proof = match v.proven_by.as_slice() {
                [] => "not proven by this run".into(),
                steps => words::steps(steps),
            };
            let or = |version: &Option<String>, none: &'static str| match version {
                Some(version) => Line::default().code(version.as_str()),
                None => none.into(),
            };
            vec![
                Line::default().code(v.of.as_str()),
                Line::default().codes(v.on.iter().map(|s| s.as_str())),
                or(&v.before, "none known"),
                or(&v.after, "–"),
                proof.into(),
            ]
        });
        page.table(&["Of", "On", "Before", "After", "Proven by"], rows.collect());
    }

    fn interruptions(&self, page: &mut Page) {
        page.heading("Interruptions");
        if self.interruptions.is_empty() {
            page.text("None were planned.");
            return;
        }
        let rows = self.interruptions.iter().map(|cut| {
            let (from, to, seconds) = match &cut.course {
                Course::Over { from, to, seconds } => {
                    (words::utc(*from), words::utc(*to), words::duration(*seconds))
                }
                Course::Open { from } => (words::utc(*from), "not ended".into(), "not ended".into()),
                Course::DidNotHappen => ("–".into(), "–".into(), "did not happen".into()),
                Course::NotReached => ("–".into(), "–".into(), "not reached".into()),
            };
            let steps: Vec<usize> = (cut.first..=cut.last).collect();
            vec![
                Line::default().code(cut.group.as_str()),
                words::steps(&steps).into(),
                format!("about {}", words::duration(cut.declared_seconds)).into(),
                seconds.into(),
                from.into(),
                to.into(),
            ]
        });
        page.table(&["Group", "In", "Declared", "Actual", "From", "To"], rows.collect());
        page.text(
            "Actual is as the controller saw it: from the order that cuts users off to the proof that they are served \
             again. An outage that no step ordered is not in this table.",
        );
    }

    fn stops(&self, page: &mut Page) {
        if self.stops.is_empty() {
            return;
        }
        page.heading("Stops");
        for stop in &self.stops {
            page.part(words::utc(stop.at));
            page.text(stop.happened.as_str());
            page.list(stop.seen.iter().map(|s| Line::from(s.as_str())).collect());
            diagnoses(page, stop);
            if stop.next.is_empty() {
                page.text("Somebody went on with the run after this.");
            } else {
                page.text("What to do next:");
                page.list(stop.next.iter().map(|n| Line::from(n.as_str())).collect());
            }
        }
    }

    fn left(&self, page: &mut Page) {
        if !self.left.is_empty() {
            page.heading("Not as it is meant to stay");
            page.list(self.left.iter().map(|l| Line::from(l.as_str())).collect());
        }
    }

    fn settings(&self, page: &mut Page) {
        if self.settings.is_empty() {
            return;
        }
        page.heading("Settings");
        let rows = self.settings.iter().map(|s| {
            let captured = match &s.captured {
                Some(value) => Line::default().code(value.as_str()),
                None => "absent".into(),
            };
            let put_back = s
                .put_back
                .map_or_else(|| "not proven".into(), |at| format!("as captured, {}", words::utc(at)));
            let setting = Line::default().code(s.setting.to_string());
            vec![Line::default().code(s.server.as_str()), setting, captured, put_back.into()]
        });
        page.table(&["Server", "Setting", "When the run began", "At the end"], rows.collect());
    }

    fn evidence(&self, page: &mut Page) {
        if self.evidence.is_empty() {
            return;
        }
        page.heading("What people vouch for");
        let rows = self.evidence.iter().map(|e| {
            let when = if e.during_run { "attested during the run" } else { "brought along" };
            vec![e.what.as_str().into(), words::utc(e.at).into(), e.by.as_str().into(), when.into()]
        });
        page.table(&["What", "When", "Who", "How"], rows.collect());
    }

    fn glance(&self, page: &mut Page) {
        page.heading("All steps");
        let rows = self.steps.iter().map(|step| {
            let took = step.seconds.map(words::duration).unwrap_or_default();
            vec![
                step.number.to_string().into(),
                step.title.as_str().into(),
                step.result.as_str().into(),
                at(step.begun.or(step.ended)),
                took.into(),
                match step.attempts.len() {
                    0 => Line::default(),
                    tries => tries.to_string().into(),
                },
            ]
        });
        page.table(&["Step", "What", "Result", "Began", "Took", "Tries"], rows.collect());
    }

    fn details(&self, page: &mut Page) {
        page.heading("What was done, step by step");
        let reached = self.steps.iter().filter(|s| s.result != StepResult::NotReached);
        for step in reached {
            page.part(format!("{}. {}", step.number, step.title));
            detail(page, step);
        }
        let not_reached: Vec<usize> =
            self.steps.iter().filter(|s| s.result == StepResult::NotReached).map(|s| s.number).collect();
        if !not_reached.is_empty() {
            page.text(format!("The run did not come to {}.", words::steps(&not_reached)));
        }
    }
}

fn diagnoses(page: &mut Page, stop: &Stop) {
    for found in &stop.diagnoses {
        page.text(Line::default().strong(found.title.as_str()).then(" (").code(found.id.as_str()).then(")"));
        if let Some(line) = &found.line {
            page.output(bounded(line));
        }
        page.list(vec![format!("Cause: {}", found.cause).into(), format!("Remedy: {}", found.remedy).into()]);
    }
}

fn at(time: Option<Millis>) -> Line {
    time.map(|t| Line::from(words::utc(t))).unwrap_or_default()
}
