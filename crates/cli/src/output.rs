//! What is printed where: JSON to stdout alone; results for people to stdout, all else to stderr.

use std::io::{IsTerminal, Write};

use kaketsugi_plan::Finding;
use serde::Serialize;

use crate::args::Format;
use crate::exit::Failure;

/// Prints results in the form that was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Whether a person sits at the terminal and can answer.
    pub(crate) fn can_ask(self) -> bool {
        !self.is_json() && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// The result of a command: its JSON, or its text.
    pub(crate) fn result(self, value: &impl Serialize, text: impl FnOnce() -> String) {
        match self.format {
            Format::Json => self.json(value),
            Format::Human => self.text(&text()),
        }
    }

    /// One JSON document, on one line.
    pub(crate) fn json(self, value: &impl Serialize) {
        let mut out = std::io::stdout().lock();
        // A closed pipe is the reader's wish to hear no more.
        let _ =
            serde_json::to_writer(&mut out, value).map_err(std::io::Error::from).and_then(|()| writeln!(out));
        let _ = out.flush();
    }

    /// Text for people, as a result.
    pub(crate) fn text(self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", text.trim_end());
        let _ = out.flush();
    }

    /// A remark beside the result.
    pub(crate) fn note(self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Findings, all of them.
    pub(crate) fn findings(self, findings: &[Finding]) {
        let mut err = std::io::stderr().lock();
        for finding in findings {
            let _ = writeln!(err, "\n  {}", kaketsugi_transport::sanitize(&finding.symptom));
            let _ = writeln!(err, "    why it matters: {}", finding.cause);
            let _ = writeln!(err, "    what to do:     {}", finding.remedy);
            let cites = if finding.cites.is_empty() {
                String::new()
            } else {
                format!("  [{}]", finding.cites.join(", "))
            };
            let _ = writeln!(err, "    {}{cites}", finding.code);
        }
    }

    /// Why a command ended early.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.is_json() {
            let findings: &[Finding] =
                if let Failure::Refused { findings } = failure { findings } else { &[] };
            self.json(&serde_json::json!({
                "error": failure.to_string(), "exit": failure.code() as u8, "findings": findings,
            }));
        }
        if let Failure::Refused { findings } = failure {
            self.note(&failure.to_string());
            self.findings(findings);
            return;
        }
        let mut text = String::new();
        let handler = miette::GraphicalReportHandler::new();
        if handler.render_report(&mut text, failure).is_err() {
            text = failure.to_string();
        }
        self.note(&text);
    }
}
