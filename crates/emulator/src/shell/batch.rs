//! Batch files: line by line, with labels.

use std::sync::Arc;

use super::run::{Flow, Shell};

/// A batch file that runs, or a part of it that was called.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    lines: Arc<Vec<String>>,
    /// `%0` and on.
    pub(super) arguments: Vec<String>,
}

impl Shell {
    /// Runs a batch file to its end.
    pub(crate) async fn batch_file(&mut self, path: &str, arguments: Vec<String>) -> Flow {
        let Some(bytes) = self.read(path) else {
            self.eprint("The system cannot find the batch label specified.\r\n");
            self.done(1);
            return Flow::On;
        };
        let text = self.shared.code_page.decode(&bytes);
        let lines = Arc::new(text.lines().map(str::to_owned).collect());
        let mut all = vec![path.to_owned()];
        all.extend(arguments);
        self.frame(Frame { lines, arguments: all }, 0).await
    }

    /// `call :LABEL ARGUMENTS`.
    pub(crate) async fn call_label(&mut self, label: &str, arguments: Vec<String>) -> Flow {
        let Some(frame) = self.batch.clone() else {
            self.eprint("Invalid attempt to call batch label outside of batch script.\r\n");
            self.done(1);
            return Flow::On;
        };
        let Some(start) = find(&frame.lines, label) else {
            self.eprint(&format!("The system cannot find the batch label specified - {label}\r\n"));
            self.done(1);
            return Flow::On;
        };
        let mut all = vec![format!(":{label}")];
        all.extend(arguments);
        self.frame(Frame { lines: frame.lines, arguments: all }, start).await
    }

    async fn frame(&mut self, frame: Frame, start: usize) -> Flow {
        let outer = self.batch.replace(frame.clone());
        let mut at = start;
        let mut result = Flow::On;
        while let Some(line) = frame.lines.get(at) {
            at += 1;
            let trimmed = line.trim_start();
            if trimmed.starts_with(':') {
                continue;
            }
            let line = self.expanded(line);
            match self.text(&line).await {
                Flow::On => {}
                Flow::Return => break,
                Flow::Goto(label) if label.eq_ignore_ascii_case("eof") => break,
                Flow::Goto(label) => match find(&frame.lines, &label) {
                    Some(there) => at = there,
                    None => {
                        self.eprint(&format!(
                            "The system cannot find the batch label specified - {label}\r\n"
                        ));
                        self.done(1);
                        break;
                    }
                },
                Flow::Exit => {
                    result = Flow::Exit;
                    break;
                }
            }
        }
        self.batch = outer;
        result
    }
}

fn find(lines: &[String], label: &str) -> Option<usize> {
    lines
        .iter()
        .position(|line| {
            line.trim()
                .strip_prefix(':')
                .and_then(|l| l.split_whitespace().next())
                .is_some_and(|l| l.eq_ignore_ascii_case(label))
        })
        .map(|index| index + 1)
}
