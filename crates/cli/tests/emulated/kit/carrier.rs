//! A person who carries sheets to nodes that no command of the program reaches, and does there what they are told.

use std::path::PathBuf;
use std::time::Duration;

use kaketsugi_emulator::{Instruction, Reply};
use kaketsugi_plan::{Action, Plan, StepId};

use super::{Event, Prompt, Site, Terminal, instruction};

const PATIENCE: Duration = Duration::from_secs(60);

/// The person, and what they have been asked.
pub(crate) struct Carrier<'a> {
    site: &'a Site,
    /// Every question, in one line each.
    pub(crate) asked: Vec<String>,
    /// How many of them were for sheets.
    pub(crate) sheets: usize,
    /// Done instead of carrying the first sheets: what they bring is for them to say.
    pub(crate) brings: Option<fn(&Carrier<'_>)>,
}

impl<'a> Carrier<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        Self { site, asked: Vec::new(), sheets: 0, brings: None }
    }

    /// Does what is asked until the program ends; gives back its exit code.
    pub(crate) fn attend(&mut self, plan: Option<&Plan>, terminal: &mut Terminal) -> i32 {
        loop {
            match terminal.next(PATIENCE) {
                Event::Asked(prompt) => {
                    let answer = self.does(plan, &prompt);
                    self.asked.push(prompt.text);
                    terminal.enter(&answer);
                }
                Event::Ended(code) => return code,
                Event::Quiet => panic!("nothing happens any more:\n{}", terminal.text()),
            }
        }
    }

    fn does(&mut self, plan: Option<&Plan>, prompt: &Prompt) -> String {
        if prompt.step.starts_with("sheet ") {
            self.sheets += 1;
            match self.brings.take() {
                Some(brings) => brings(self),
                None => self.carry(),
            }
            return "done".into();
        }
        let plan = plan.unwrap_or_else(|| panic!("asked without a plan: {prompt:?}"));
        let step = plan.step(&StepId::new(prompt.step.as_str())).unwrap();
        let at_console = matches!(
            step.action,
            Action::Install { .. }
                | Action::Attest { .. }
                | Action::UpgradeGroup { .. }
                | Action::Optimize { .. }
        );
        if at_console {
            return self.at_console(instruction(plan, prompt));
        }
        // Nothing but the words of the question is needed: where, and what to type.
        let text = step.instruction.as_deref().unwrap();
        let node = text.strip_prefix("On ").unwrap().split(',').next().unwrap();
        for line in text.lines().filter_map(|l| l.strip_prefix("    ")) {
            assert!(
                prompt.text.contains(&line.split_whitespace().collect::<Vec<_>>().join(" ")),
                "{prompt:?}"
            );
            let before = self.boot(node);
            let answer =
                self.at_console(Instruction::Command { node: node.to_owned(), line: line.to_owned() });
            if answer != "done" {
                return answer;
            }
            while matches!(step.action, Action::Restart { .. })
                && [before.clone(), None].contains(&self.boot(node))
            {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        "done".into()
    }

    /// Since when a node runs; None: it doesn't.
    fn boot(&self, node: &str) -> Option<String> {
        let line = "wmic os get lastbootuptime /value <nul";
        Some(self.site.runtime.block_on(self.site.emulation.run(node, line, b""))?.stdout)
    }

    fn at_console(&self, instruction: Instruction) -> String {
        match self.site.runtime.block_on(self.site.emulation.person().do_(instruction)) {
            Reply::Done { .. } => "done".to_owned(),
            Reply::Failed(why) => format!("cannot {why}"),
        }
    }

    /// Sheets that wait for their answers, with their nodes.
    pub(crate) fn waiting(&self) -> Vec<(String, PathBuf)> {
        let Ok(entries) = std::fs::read_dir(self.site.path("runs/by-hand/mail-osaka")) else {
            return Vec::new();
        };
        let paths = entries.map(|e| e.unwrap().path());
        let sheets = paths.filter(|p| p.extension().is_some_and(|e| e == "cmd"));
        let mut sheets: Vec<(String, PathBuf)> = sheets
            .filter(|path| !path.with_extension("txt").exists())
            .map(|path| {
                let (node, _) = path.file_stem().unwrap().to_str().unwrap().rsplit_once('-').unwrap();
                (node.to_owned(), path.clone())
            })
            .collect();
        sheets.sort();
        sheets
    }

    /// Takes every sheet to its node, runs it there, and brings the answer back.
    pub(crate) fn carry(&self) {
        for (node, path) in self.waiting() {
            let answer = self.ran(&node, &path);
            std::fs::write(path.with_extension("txt"), answer).unwrap();
        }
    }

    /// What a sheet leaves behind on a node.
    pub(crate) fn ran(&self, node: &str, path: &std::path::Path) -> String {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let run = |line: String, stdin: &[u8]| {
            self.site
                .runtime
                .block_on(self.site.emulation.run(node, &line, stdin))
                .expect("the node has power")
        };
        run(format!(r#"find /v "" >C:\{stem}.cmd"#), &std::fs::read(path).unwrap());
        run(format!(r"C:\{stem}.cmd"), b"");
        let answer = run(format!(r"type C:\{stem}.txt"), b"");
        assert_eq!(answer.code, 0, "{answer:?}");
        answer.stdout
    }
}
