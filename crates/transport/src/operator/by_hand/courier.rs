//! The person who carries sheets, and what they brought.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::drawer::{Drawer, Sheet};
use super::sheet::{Answered, Runs};
use crate::operator::{Operator, Outcome, Request};
use crate::{Command, Error, Host, Output, RunFuture};

/// Line and input: what makes two commands the same.
type Key = (String, Option<Vec<u8>>);

/// Hands sheets to a person and takes the answers in.
///
/// Between [`begin_look`](Self::begin_look) and [`end_look`](Self::end_look) commands of the hosts are looks: one whose
/// answer isn't there fails with [`Error::Awaited`] and is noted, and [`fetch`](Self::fetch) has a person bring all
/// that was noted, by one sheet a host. Outside of a look each command is a sheet of its own, handed out once.
pub struct Courier {
    drawer: Drawer,
    operator: Arc<dyn Operator>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    look: Option<Look>,
    /// What looks asked before, by host. The next look has it on its first sheet; no answer outlives its look.
    usual: BTreeMap<String, Vec<Command>>,
}

/// A look that goes on.
#[derive(Debug, Default)]
struct Look {
    answers: BTreeMap<(String, Key), Output>,
    missing: BTreeMap<String, Vec<Command>>,
    asked: BTreeMap<String, Vec<Command>>,
    sheets: Vec<Sheet>,
}

fn key(command: &Command) -> Key {
    (command.line.clone(), command.stdin.clone())
}

fn note(commands: &mut Vec<Command>, command: &Command) {
    if !commands.iter().any(|known| key(known) == key(command)) {
        commands.push(command.clone());
    }
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Courier").field("drawer", &self.drawer).finish_non_exhaustive()
    }
}

impl Courier {
    /// Sheets lie in this directory, which is made when needed; this person carries them.
    pub fn new(dir: impl Into<PathBuf>, operator: Arc<dyn Operator>) -> Arc<Self> {
        Arc::new(Self { drawer: Drawer::new(dir.into()), operator, state: Mutex::default() })
    }

    /// A host that only this person's feet lead to.
    pub fn host(self: &Arc<Self>, name: impl Into<String>) -> ByHand {
        ByHand { name: name.into(), courier: Arc::clone(self) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a look. Nothing is known at its beginning, not even of one that was broken off.
    pub fn begin_look(&self) {
        self.forget();
        self.state().look = Some(Look::default());
    }

    /// Takes away what was brought for the look that goes on.
    fn forget(&self) {
        if let Some(look) = &mut self.state().look {
            look.answers.clear();
            look.sheets.drain(..).for_each(|sheet| sheet.remove());
        }
    }

    /// Ends the look; its answers are forgotten. Those of a look that was `complete` are taken out of the directory,
    /// too; the others may yet serve the next program.
    pub fn end_look(&self, complete: bool) {
        let mut state = self.state();
        let Some(look) = state.look.take().filter(|_| complete) else { return };
        for (host, commands) in &look.asked {
            let usual = state.usual.entry(host.clone()).or_default();
            commands.iter().for_each(|command| note(usual, command));
        }
        look.sheets.iter().for_each(Sheet::remove);
    }

    /// Has a person bring the answers that were missing since the last time; false: none were. `why` tells them what
    /// the look is for.
    ///
    /// # Errors
    /// When they weren't brought. Nothing was changed anywhere: looks only look.
    pub async fn fetch(&self, why: &[String]) -> Result<bool, Error> {
        let missing = {
            let mut state = self.state();
            let State { look: Some(look), usual } = &mut *state else { return Ok(false) };
            let mut missing = std::mem::take(&mut look.missing);
            for (host, commands) in &mut missing {
                let first = !look.answers.keys().any(|(h, _)| h == host);
                let before = usual.get(host).filter(|_| first).into_iter().flatten();
                before.for_each(|command| note(commands, command));
            }
            missing
        };
        if missing.is_empty() {
            return Ok(false);
        }
        let mut sheets = Vec::new();
        for (host, commands) in &missing {
            sheets.push(self.drawer.sheet(host, Runs::Again, commands, why)?);
        }
        let answers = self.brought(&sheets, Runs::Again, why).await?;
        let mut state = self.state();
        let Some(look) = &mut state.look else { return Ok(false) };
        for ((host, commands), answered) in missing.iter().zip(answers) {
            for (command, answered) in commands.iter().zip(answered) {
                let output = output(command, answered, Duration::ZERO);
                look.answers.insert((host.clone(), key(command)), output);
            }
        }
        look.sheets.extend(sheets);
        Ok(true)
    }

    /// The answers to all sheets, once the person has brought them.
    async fn brought(
        &self,
        sheets: &[Sheet],
        runs: Runs,
        why: &[String],
    ) -> Result<Vec<Vec<Answered>>, Error> {
        // Whoever had no terminal brings the answers first and calls the program then.
        if let Ok(answers) = answers(sheets) {
            return Ok(answers);
        }
        let mut told: Vec<String> = why.to_vec();
        loop {
            let asked = self.operator.ask(request(sheets, runs, &told)).await;
            let unanswered = |sheet: &Sheet, why: String| Error::Unanswered {
                host: sheet.host.clone(),
                sheets: sheets.iter().map(|s| s.file.clone()).collect(),
                why,
            };
            // Their word goes before what lies there: they may have seen that it is wrong.
            if let Ok(answer) = &asked
                && let Outcome::Cannot(reason) = &answer.outcome
                && let Some(sheet) = sheets.first()
            {
                // Whatever they do next, these must not be taken for what is so after it.
                sheets.iter().for_each(Sheet::remove);
                self.forget();
                return Err(unanswered(sheet, format!("{}: {reason}", answer.by)));
            }
            let wrong = match answers(sheets) {
                Ok(answers) => return Ok(answers),
                Err(wrong) => wrong,
            };
            let (sheet, problem) = wrong.first();
            match asked {
                Ok(_) => told = wrong.told(),
                Err(Error::NoAnswer { why, .. }) => {
                    return Err(unanswered(sheet, format!("{why}; {problem}")));
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// A look's answer, or the note that it is missing. None: no look goes on.
    fn looked(&self, host: &str, command: &Command) -> Option<Result<Output, Error>> {
        let mut state = self.state();
        let look = state.look.as_mut()?;
        note(look.asked.entry(host.to_owned()).or_default(), command);
        if let Some(output) = look.answers.get(&(host.to_owned(), key(command))) {
            return Some(Ok(output.clone()));
        }
        note(look.missing.entry(host.to_owned()).or_default(), command);
        Some(Err(Error::Awaited { host: host.to_owned() }))
    }
}

/// What is wrong with answers, at least one thing.
struct Wrong(Vec<(Sheet, String)>);

impl Wrong {
    fn first(&self) -> (&Sheet, &str) {
        let (sheet, why) = &self.0[0];
        (sheet, why)
    }

    fn told(&self) -> Vec<String> {
        let line = |(sheet, why): &(Sheet, String)| format!("{}: {why}.", sheet.answer_file().display());
        self.0.iter().map(line).collect()
    }
}

fn answers(sheets: &[Sheet]) -> Result<Vec<Vec<Answered>>, Wrong> {
    let mut all = Vec::new();
    let mut wrong = Vec::new();
    for sheet in sheets {
        match sheet.answer() {
            Ok(answer) => all.push(answer),
            Err(why) => wrong.push((sheet.clone(), why)),
        }
    }
    if wrong.is_empty() { Ok(all) } else { Err(Wrong(wrong)) }
}

fn output(command: &Command, answered: Answered, duration: Duration) -> Output {
    let Answered { exit, mut stdout, mut stderr } = answered;
    let max = command.output_bytes_max;
    let truncated = stdout.len() > max || stderr.len() > max;
    stdout.truncate(max);
    stderr.truncate(max);
    Output { exit, stdout, stderr, truncated, duration }
}

fn request(sheets: &[Sheet], runs: Runs, told: &[String]) -> Request {
    let names: Vec<String> =
        sheets.iter().filter_map(|s| Some(s.file.file_stem()?.to_str()?.to_owned())).collect();
    let mut text: Vec<String> = told.to_vec();
    for sheet in sheets {
        text.push(format!(
            "Copy {} to {}, run it there at a command prompt, logged on as an administrator, and bring the file that \
             it writes beside itself back as {}, unchanged.",
            sheet.file.display(),
            sheet.host,
            sheet.answer_file().display()
        ));
    }
    if runs == Runs::Once {
        text.push("Run it once; it does nothing when it is run again.".into());
    } else {
        text.push("It only looks.".into());
    }
    let hosts: BTreeSet<&str> = sheets.iter().map(|s| s.host.as_str()).collect();
    Request {
        id: format!("sheet {}", names.join(", ")),
        host: hosts.into_iter().collect::<Vec<_>>().join(", "),
        instruction: text.join("\n"),
        proof: "each .txt file lies beside its .cmd file".into(),
        timeout: None,
    }
}

/// A host that a person carries commands to.
#[derive(Debug, Clone)]
pub struct ByHand {
    name: String,
    courier: Arc<Courier>,
}

impl Host for ByHand {
    fn name(&self) -> &str {
        &self.name
    }

    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a> {
        Box::pin(async move {
            if let Some(looked) = self.courier.looked(&self.name, command) {
                return looked;
            }
            let begun = Instant::now();
            let sheet =
                self.courier.drawer.sheet(&self.name, Runs::Once, std::slice::from_ref(command), &[])?;
            let mut answers = self.courier.brought(std::slice::from_ref(&sheet), Runs::Once, &[]).await?;
            let answered = answers.pop().and_then(|mut all| all.pop()).ok_or_else(|| Error::Unanswered {
                host: self.name.clone(),
                sheets: vec![sheet.file.clone()],
                why: "its answer is empty".into(),
            })?;
            Ok(output(command, answered, begun.elapsed()))
        })
    }
}

#[cfg(test)]
#[path = "courier_tests.rs"]
mod tests;
