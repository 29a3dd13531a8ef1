//! Carries a command line out.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::expand::{Place, expand};
use super::parse::{Ask, Redirect, Target, Tree, parse};
use crate::commands::{self, Args};
use crate::disk::{Disk, DiskError};
use crate::fault::FaultKind;
use crate::state::Shared;
use crate::table::Class;
use crate::transcript::Actor;

/// Text of ERROR_SHARING_VIOLATION.
const IN_USE: &str = "The process cannot access the file because it is being used by another process.\r\n";

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

/// Where a stream goes.
#[derive(Debug, Clone)]
pub(crate) enum Output {
    Memory(Arc<Mutex<Vec<u8>>>),
    File(Arc<OpenFile>),
    Nul,
}

impl Output {
    pub(super) fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    pub(super) fn taken(&self) -> Vec<u8> {
        match self {
            Self::Memory(bytes) => std::mem::take(&mut bytes.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::File(_) | Self::Nul => Vec::new(),
        }
    }
}

/// A file that this process holds open for writing: nobody else may, until it is let go or the power is.
#[derive(Debug)]
pub(crate) struct OpenFile {
    shared: Arc<Shared>,
    node: String,
    boots: u32,
    path: String,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let Some(node) = state.node_mut(&self.node).filter(|n| n.boots == self.boots) else { return };
        if let Some(boot) = &mut node.boot {
            boot.open.remove(&self.path.to_lowercase());
        }
    }
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
    unknown: bool,
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
        }
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

    pub(super) fn expanded(&self, line: &str) -> String {
        let place = match &self.batch {
            Some(frame) => Place::Batch(&frame.arguments),
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

    pub(crate) fn print(&self, text: &str) {
        self.write(&self.out, &self.shared.code_page.encode(text));
    }

    pub(crate) fn print_bytes(&self, bytes: &[u8]) {
        self.write(&self.out, bytes);
    }

    pub(crate) fn eprint(&self, text: &str) {
        self.write(&self.err, &self.shared.code_page.encode(text));
    }

    fn write(&self, to: &Output, bytes: &[u8]) {
        match to {
            Output::Memory(memory) => {
                memory.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            }
            Output::File(file) => {
                if let Some(node) = self.shared.lock().node_mut(&self.node) {
                    // A file that was deleted under the writer takes nothing more; Windows doesn't let it be deleted.
                    let _ = node.durable.disk.write(&file.path, bytes, true);
                }
            }
            Output::Nul => {}
        }
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

    fn operator(&mut self, operator: &str) -> Result<(), Flow> {
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
                let state = self.shared.lock();
                state.node(&self.node).is_some_and(|n| n.durable.disk.get(&path).is_some())
            }
            Ask::ErrorLevel(least) => self.error as i32 >= *least as i32,
            Ask::Same { left, right, whatever_case: true } => left.eq_ignore_ascii_case(right),
            Ask::Same { left, right, .. } => left == right,
        })
    }

    /// Opens what is redirected. `Ok(true)`: a file is written.
    fn redirect(&mut self, redirects: &[Redirect]) -> Result<bool, Flow> {
        let mut writes = false;
        for redirect in redirects {
            let operator = match redirect.to {
                Target::Append(_) => ">>",
                Target::Read(_) => "<",
                Target::Write(_) | Target::Handle(_) => ">",
            };
            self.operator(operator)?;
            let output = match &redirect.to {
                Target::Handle(1) => self.out.clone(),
                Target::Handle(_) => self.err.clone(),
                Target::Read(path) => {
                    let bytes = self.read(path).ok_or_else(|| self.refused(DiskError::NotFound))?;
                    self.stdin = Arc::new(Mutex::new(bytes));
                    continue;
                }
                Target::Write(path) | Target::Append(path) if path.eq_ignore_ascii_case("nul") => Output::Nul,
                Target::Write(path) | Target::Append(path) => {
                    writes = true;
                    Output::File(self.open(path, operator == ">>")?)
                }
            };
            match redirect.handle {
                2 => self.err = output,
                _ => self.out = output,
            }
        }
        Ok(writes)
    }

    fn refused(&mut self, error: DiskError) -> Flow {
        self.eprint(disk_text(error));
        self.done(1);
        Flow::On
    }

    fn open(&mut self, path: &str, append: bool) -> Result<Arc<OpenFile>, Flow> {
        let path = Disk::normal(&self.cwd, path);
        let opened = {
            let mut state = self.shared.lock();
            match state.node_mut(&self.node) {
                Some(node) => match &mut node.boot {
                    Some(boot) if boot.open.contains_key(&path.to_lowercase()) => Err(None),
                    Some(boot) => match node.durable.disk.write(&path, b"", append) {
                        Ok(()) => {
                            boot.open.insert(path.to_lowercase(), 1);
                            Ok(node.boots)
                        }
                        Err(error) => Err(Some(error)),
                    },
                    None => Err(Some(DiskError::NoPath)),
                },
                None => Err(Some(DiskError::NoPath)),
            }
        };
        match opened {
            Ok(boots) => {
                Ok(Arc::new(OpenFile { shared: self.shared.clone(), node: self.node.clone(), boots, path }))
            }
            Err(Some(error)) => Err(self.refused(error)),
            Err(None) => {
                self.eprint(IN_USE);
                self.done(1);
                Err(Flow::On)
            }
        }
    }

    /// A file's bytes.
    pub(crate) fn read(&self, path: &str) -> Option<Vec<u8>> {
        if path.eq_ignore_ascii_case("nul") {
            return Some(Vec::new());
        }
        let path = Disk::normal(&self.cwd, path);
        Some(self.shared.lock().node(&self.node)?.durable.disk.file(&path)?.bytes.clone())
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

    async fn command(&mut self, text: &str, writes: bool) -> Flow {
        self.unknown = false;
        let Some(known) = self.find(text) else {
            if text.trim().is_empty() {
                return Flow::On;
            }
            let name = super::words(text).into_iter().next().unwrap_or_default();
            self.eprint(&format!(
                "'{name}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
            ));
            self.done(9009);
            self.unknown = true;
            return Flow::On;
        };
        let args = match Args::read(&self.shared.table, &known, text) {
            Ok(args) => args,
            Err(rejection) => {
                self.eprint(&rejection.text);
                self.done(rejection.code);
                return Flow::On;
            }
        };
        let class = args.class.or(writes.then_some(Class::File));
        let fault = {
            let mut state = self.shared.lock();
            if let Some(class) = class {
                state.record(Actor::Node(self.node.clone()), class, text.trim());
            }
            state.faults.on_command(&self.node, text)
        };
        let in_use = match fault {
            Some(FaultKind::Fail { code, text }) => {
                self.eprint(&format!("{text}\r\n"));
                self.done(code);
                return Flow::On;
            }
            Some(FaultKind::Hang) => std::future::pending().await,
            Some(FaultKind::PowerCut { after }) => {
                let (shared, node) = (self.shared.clone(), self.node.clone());
                self.shared.runtime.spawn(async move {
                    shared.pause(after).await;
                    crate::cluster::power_cut(&shared, &node);
                });
                None
            }
            Some(fault @ FaultKind::FileInUse { .. }) => Some(fault),
            _ => None,
        };
        commands::run(self, args, in_use).await
    }

    /// What a command's name stands for; None: nothing that is known here.
    fn find(&self, text: &str) -> Option<commands::Known> {
        let first = super::words(text).into_iter().next()?;
        // `echo.` prints an empty line, `echo(` and `echo:` too.
        if first.len() > 4 && first.get(..4).is_some_and(|e| e.eq_ignore_ascii_case("echo")) {
            let mark = first.as_bytes()[4];
            if b".(:".contains(&mark) {
                return self.known("echo");
            }
        }
        let path = first.contains('\\').then(|| Disk::normal(&self.cwd, &first));
        if let Some(path) = &path
            && let Some(name) = path.to_lowercase().strip_prefix("c:\\windows\\system32\\")
        {
            return self.known(name.trim_end_matches(".exe"));
        }
        let name = first.to_lowercase();
        if path.is_none()
            && let Some(known) = self.known(name.trim_end_matches(".exe"))
        {
            return Some(known);
        }
        let path = path.unwrap_or_else(|| Disk::normal(&self.cwd, &first));
        let state = self.shared.lock();
        let file = state.node(&self.node)?.durable.disk.file(&path)?;
        if let Some(program) = &file.program {
            return Some(commands::Known::Installer(program.clone()));
        }
        let batch = path.to_lowercase().ends_with(".cmd") || path.to_lowercase().ends_with(".bat");
        batch.then_some(commands::Known::Batch(path))
    }

    fn known(&self, name: &str) -> Option<commands::Known> {
        let name = match name {
            "md" => "mkdir",
            "rd" => "rmdir",
            name => name,
        };
        let real = !matches!(name, "shell" | "hotfix" | "service-pack" | "if");
        (real && self.shared.table.knows(name)).then(|| commands::Known::Word(name.to_owned()))
    }
}

/// What the interpreter says of a file that can't be had.
pub(crate) fn disk_text(error: DiskError) -> &'static str {
    match error {
        DiskError::NotFound => "The system cannot find the file specified.\r\n",
        DiskError::NoPath => "The system cannot find the path specified.\r\n",
        DiskError::Exists => "A subdirectory or file already exists.\r\n",
        DiskError::NotEmpty => "The directory is not empty.\r\n",
        DiskError::Denied => "Access is denied.\r\n",
    }
}
