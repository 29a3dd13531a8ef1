//! Mistakes in an estate file, with everything that is needed to show them.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};
use serde::Serialize;

use super::Code;
use crate::ServerId;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// What kind of mistake: stable, for scripts.
    pub code: Code,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// Where. None: the file as a whole, or not in the file at all.
    #[serde(flatten)]
    pub at: Option<Position>,
    /// What to do.
    pub help: String,
    /// The first is where the mistake is, the others what it has to do with.
    #[serde(skip)]
    pub(super) labels: Vec<(Range<usize>, String)>,
    /// The server it is about, where it was found without the text of the file.
    #[serde(skip)]
    pub(super) about: Option<ServerId>,
}

/// A place in a text, as editors count: both begin with 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Mistake {
    pub(super) fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), at: None, help: help.into(), labels: Vec::new(), about: None }
    }

    /// Says where it is; the first call names the place of the mistake itself.
    pub(super) fn at(mut self, span: &Range<usize>, label: impl Into<String>) -> Self {
        self.labels.push((span.clone(), label.into()));
        self
    }

    /// The words beside its place, where it has one.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.labels.first().map(|(_, label)| label.as_str())
    }

    /// Bytes of the text that it is about, where it has a place.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.labels.first().map(|(span, _)| span.clone())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.labels.is_empty() {
            return None;
        }
        Some(Box::new(self.labels.iter().enumerate().map(|(i, (span, label))| {
            let span = SourceSpan::from((span.start, span.len()));
            let label = Some(label.clone());
            if i == 0 {
                LabeledSpan::new_primary_with_span(label, span)
            } else {
                LabeledSpan::new_with_span(label, span)
            }
        })))
    }
}

/// All mistakes of a file, in the order in which they stand there, with its text.
#[derive(Debug, Clone)]
pub struct Mistakes {
    name: String,
    source: NamedSource<Arc<str>>,
    list: Vec<Mistake>,
    left_out: usize,
}

impl Mistakes {
    /// Puts mistakes in order and gives each its line and column.
    pub(super) fn new(name: &str, text: &str, mut list: Vec<Mistake>, left_out: usize) -> Self {
        for mistake in &mut list {
            for (span, _) in &mut mistake.labels {
                *span = within(text, span);
            }
            mistake.at = mistake.labels.first().map(|(span, _)| position(text, span.start));
        }
        // Mistakes without a place come last.
        list.sort_by_key(|m| (m.labels.first().map_or(usize::MAX, |(span, _)| span.start), m.code));
        Self { name: name.to_owned(), source: NamedSource::new(name, Arc::from(text)), list, left_out }
    }

    /// On a line where TOML itself is broken, the parser's further complaints, and what is said of values that it
    /// put there to go on with, are echoes of the first.
    pub(super) fn without_echoes(mut self) -> Self {
        let line = |mistake: &Mistake| mistake.at.map(|at| at.line);
        let is_syntax = |mistake: &Mistake| mistake.code == Code::Syntax;
        let broken: BTreeSet<_> = self.list.iter().filter(|m| is_syntax(m)).map(line).collect();
        let mut said = BTreeSet::new();
        self.list.retain(|mistake| {
            !broken.contains(&line(mistake))
                || (mistake.code == Code::UnknownKey && !said.contains(&line(mistake)))
                || (is_syntax(mistake) && said.insert(line(mistake)))
        });
        self
    }

    /// The file's name, as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.name
    }

    /// The mistakes; never empty.
    #[must_use]
    pub fn list(&self) -> &[Mistake] {
        &self.list
    }

    /// How many more there are; only files with very many have any.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list.len() {
            1 => write!(f, "one mistake in {}", self.name)?,
            n => write!(f, "{n} mistakes in {}", self.name)?,
        }
        if self.left_out > 0 {
            write!(f, ", and {} more that aren't shown", self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl Diagnostic for Mistakes {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new("estate::file"))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.list.iter().map(|m| m as &dyn Diagnostic)))
    }
}

/// The span, cut to the text and to whole characters: parsers point past the end, or into a character they choke on.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    let end = text.ceil_char_boundary(span.end).max(start);
    start..end
}

fn position(text: &str, byte: usize) -> Position {
    let before = &text[..byte];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}
