//! One command: what its name stands for, whether the table allows it, which fault strikes it.

use kaketsugi_estate::Os;

use super::run::{Flow, Shell};
use crate::commands::{self, Args};
use crate::disk::Disk;
use crate::fault::FaultKind;
use crate::table::Class;
use crate::transcript::Actor;

/// ERROR_ACCESS_DENIED.
const ACCESS_DENIED: u32 = 5;

/// Whether a command is for members of the nodes' Administrators group: whatever speaks to the cluster ("Server
/// clusters: security", TechNet), the scheduler (as Windows Server 2003 ships) or changes anything but files.
fn needs_administrator(args: &Args, class: Option<Class>) -> bool {
    matches!(args.command.as_str(), "cluster" | "schtasks") || class.is_some_and(|c| c != Class::File)
}

impl Shell {
    pub(super) async fn command(&mut self, text: &str, writes: bool) -> Flow {
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
        if self.limited && needs_administrator(&args, class) {
            self.eprint("Access is denied.\r\n");
            self.done(ACCESS_DENIED);
            return Flow::On;
        }
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
        let real =
            !matches!(name, "shell" | "hotfix" | "service-pack" | "balancer" | "balancer-state" | "if");
        let state = self.shared.lock();
        let os = state.node(&self.node).map(|node| node.os);
        // What came with Windows Server 2003; on it nobody needs a script for what these say.
        let newer = matches!(name, "reg" | "sc" | "wmic" | "tasklist" | "schtasks" | "shutdown");
        let there = match os {
            Some(Os::Windows2000 | Os::WindowsNt4) => !newer,
            _ => name != "cscript",
        };
        (real && there && self.shared.table.knows(name)).then(|| commands::Known::Word(name.to_owned()))
    }
}
