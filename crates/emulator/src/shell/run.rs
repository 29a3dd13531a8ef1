//! Carries a command line out.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use super::expand::{Place, expand};
use super::parse::{Ask, Redirect, Tree, parse};
use super::streams::Output;
use crate::disk::Disk;
use crate::fault::FaultKind;
use crate::state::Shared;

/// The connection is gone; nobody hears the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut;

/// What a command line leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: u32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// What comes after a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flow {
    On,
    /// `goto`.
    Goto(String),
    /// `exit /b`, `goto :eof`.
    Return,
    /// `exit`.
    Exit,
}

/// One instance of the interpreter.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    pub(crate) shared: Arc<Shared>,
    pub(crate) node: String,
    pub(crate) cwd: String,
    /// `%ERRORLEVEL%`.
    pub(crate) error: u32,
    /// The code of the last command, by which `&&` and `||` decide.
    pub(crate) last: u32,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) stdin: Arc<Mutex<Vec<u8>>>,
    pub(crate) out: Output,
    pub(crate) err: Output,
    /// The batch file that runs: its path and arguments.
    pub(super) batch: Option<super::batch::Frame>,
    /// The last command wasn't known: `cmd /c` ends with 1 then.
    pub(super) unknown: bool,
    /// The account is no administrator.
    pub(super) limited: bool,
}

impl Shell {
    pub(crate) fn new(shared: Arc<Shared>, node: &str, stdin: Vec<u8>) -> Self {
        let variables = [
            ("windir", "C:\\WINDOWS"),
            ("systemroot", "C:\\WINDOWS"),
            ("systemdrive", "C:"),
            ("temp", "C:\\WINDOWS\\Temp"),
            ("computername", node),
        ];
        Self {
            shared,
            node: node.to_owned(),
            cwd: "C:".into(),
            error: 0,
            last: 0,
            variables: variables.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            stdin: Arc::new(Mutex::new(stdin)),
            out: Output::memory(),
            err: Output::memory(),
            batch: None,
            unknown: false,
            limited: false,
        }
    }

    /// The same for an account that is an administrator, or not.
    pub(crate) fn limited(mut self, limited: bool) -> Self {
        self.limited = limited;
        self
    }

    /// `cmd /c LINE`.
    pub(crate) async fn line(mut self, line: &str) -> Result<Outcome, Cut> {
        let fault = self.shared.lock().faults.on_line(&self.node, line);
        if fault == Some(FaultKind::LostBefore) {
            return Err(Cut);
        }
        let expanded = self.expanded(line);
        self.text(&expanded).await;
        if fault == Some(FaultKind::LostAfter) {
            return Err(Cut);
        }
        let code = if self.unknown { 1 } else { self.last };
        Ok(Outcome { code, stdout: self.out.taken(), stderr: self.err.taken() })
    }

    /// An interpreter of its own for one line, with the streams of this one: what it leaves behind is its exit code.
    pub(crate) async fn child(&mut self, line: &str) {
        let mut child = self.clone();
        child.batch = None;
        // A new interpreter knows nothing of what came before: a line of it that runs no command ends with 0.
        (child.error, child.last, child.unknown) = (0, 0, false);
        let expanded = child.expanded(line);
        child.text(&expanded).await;
        self.done(if child.unknown { 1 } else { child.last });
    }

    pub(super) fn expanded(&self, line: &str) -> String {
        let place = match &self.batch {
            Some(frame) => {
                Place::Batch { arguments: &frame.arguments, paths: self.shared.table.operator("%~dpn") }
            }
            None => Place::CommandLine,
        };
        expand(line, place, |name| match name.to_lowercase().as_str() {
            "errorlevel" => Some((self.error as i32).to_string()),
            name => self.variables.get(name).cloned(),
        })
    }

    /// Carries a line out whose variables are filled in.
    pub(super) async fn text(&mut self, line: &str) -> Flow {
        match parse(line) {
            Ok(tree) => self.run(&tree).await,
            Err(unexpected) => self.unexpected(&unexpected.0),
        }
    }

    fn unexpected(&mut self, text: &str) -> Flow {
        self.eprint(&format!("{text} was unexpected at this time.\r\n"));
        self.done(255);
        Flow::Exit
    }

    /// Sets both codes.
    pub(crate) fn done(&mut self, code: u32) {
        self.last = code;
        self.error = code;
    }

    fn run<'a>(&'a mut self, tree: &'a Tree) -> Pin<Box<dyn Future<Output = Flow> + Send + 'a>> {
        Box::pin(async move {
            match tree {
                Tree::Empty => Flow::On,
                Tree::Then(a, b) => match self.operator("&") {
                    Err(flow) => flow,
                    Ok(()) => match self.run(a).await {
                        Flow::On => self.run(b).await,
                        flow => flow,
                    },
                },
                Tree::And(a, b) => self.both(a, b, "&&").await,
                Tree::Or(a, b) => self.both(a, b, "||").await,
                Tree::Pipe(a, b) => self.pipe(a, b).await,
                Tree::Block(inner, redirects) => self.block(inner, redirects).await,
                Tree::If { not, ask, then, otherwise } => match self.ask(ask) {
                    Err(flow) => flow,
                    Ok(answer) if answer != *not => self.run(then).await,
                    Ok(_) => self.run(otherwise).await,
                },
                Tree::Simple(text, redirects) => self.simple(text, redirects).await,
            }
        })
    }

    pub(super) fn operator(&mut self, operator: &str) -> Result<(), Flow> {
        if self.shared.table.operator(operator) { Ok(()) } else { Err(self.unexpected(operator)) }
    }

    async fn both(&mut self, a: &Tree, b: &Tree, operator: &str) -> Flow {
        if let Err(flow) = self.operator(operator) {
            return flow;
        }
        match self.run(a).await {
            Flow::On if (self.last == 0) == (operator == "&&") => self.run(b).await,
            flow => flow,
        }
    }

    /// Each side has an interpreter of its own: an `exit` there ends that side alone.
    async fn pipe(&mut self, a: &Tree, b: &Tree) -> Flow {
        if let Err(flow) = self.operator("|") {
            return flow;
        }
        let mut left = self.clone();
        left.out = Output::memory();
        left.run(a).await;
        let mut right = self.clone();
        right.stdin = Arc::new(Mutex::new(left.out.taken()));
        right.run(b).await;
        self.unknown = right.unknown;
        self.done(right.last);
        Flow::On
    }

    async fn block(&mut self, inner: &Tree, redirects: &[Redirect]) -> Flow {
        if let Err(flow) = self.operator("()") {
            return flow;
        }
        let before = (self.out.clone(), self.err.clone(), self.stdin.clone());
        let flow = match self.redirect(redirects) {
            Ok(_) => self.run(inner).await,
            Err(flow) => flow,
        };
        (self.out, self.err, self.stdin) = before;
        flow
    }

    fn ask(&mut self, ask: &Ask) -> Result<bool, Flow> {
        let context = match ask {
            Ask::Exist(_) => "exist",
            Ask::ErrorLevel(_) => "errorlevel",
            Ask::Same { .. } => "==",
        };
        if self.shared.table.form("if", context).is_none() {
            return Err(self.unexpected(context));
        }
        Ok(match ask {
            Ask::Exist(path) => {
                let path = Disk::normal(&self.cwd, path);
                self.shared.lock().exists(&self.node, &path)
            }
            Ask::ErrorLevel(least) => self.error as i32 >= *least as i32,
            Ask::Same { left, right, whatever_case: true } => left.eq_ignore_ascii_case(right),
            Ask::Same { left, right, .. } => left == right,
        })
    }

    async fn simple(&mut self, text: &str, redirects: &[Redirect]) -> Flow {
        let before = (self.out.clone(), self.err.clone(), self.stdin.clone());
        let flow = match self.redirect(redirects) {
            Ok(writes) => self.command(text, writes).await,
            Err(flow) => flow,
        };
        (self.out, self.err, self.stdin) = before;
        flow
    }
}
