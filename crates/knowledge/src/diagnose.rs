//! Searching logs for known troubles.
//!
//! Time is linear in the length of the log: the regex crate never backtracks, a line is looked at once, and what is
//! kept of it is bounded. Logs are foreign input and may be anything.

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet};

use crate::{Cause, Diagnosis, Symptom, diagnoses};

/// Bytes of a line that are looked at.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Matches that are returned; a log that repeats itself says no more after that.
const MATCHES_MAX: usize = 1_000;
/// Lines before a match that are kept with it.
const LINES_BEFORE: usize = 4;
/// Lines within which an event's number follows its source.
const EVENT_LINES: usize = 8;

/// A symptom that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// What it means.
    pub diagnosis: &'static Diagnosis,
    /// Number of the line, counted from 1.
    pub line_no: usize,
    /// The line, at most 8 KiB of it.
    pub line: String,
    /// The lines just before, oldest first: often the reason stands there.
    pub before: Vec<String>,
    /// What the symptom captured, by name: `package`, `node`.
    pub captures: BTreeMap<String, String>,
}

impl Match {
    /// What is wrong, in a line.
    #[must_use]
    pub fn title(&self) -> String {
        self.fill(&self.diagnosis.title)
    }

    /// The text of a cause or remedy with captures in place of placeholders; one that wasn't captured is left as a
    /// plain word.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                filled.push('{');
                rest = after;
                continue;
            };
            filled.push_str(self.captures.get(name).map_or(name, String::as_str));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    /// Causes with their remedies, captures filled in.
    pub fn causes(&self) -> impl Iterator<Item = Cause> {
        self.diagnosis.causes.iter().map(|cause| Cause {
            text: self.fill(&cause.text),
            remedy: self.fill(&cause.remedy),
            ..cause.clone()
        })
    }
}

/// Looks for known troubles in the lines of a log, in order; at most one match for each diagnosis in a line.
pub fn diagnose<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Match> {
    let mut search = Search::default();
    for line in lines {
        search.line(shorten(line.trim_end_matches(['\r', '\n'])));
        if search.found.len() >= MATCHES_MAX {
            search.found.truncate(MATCHES_MAX);
            break;
        }
    }
    search.found
}

/// What of a line is looked at, cut at a character.
fn shorten(line: &str) -> &str {
    &line[..line.floor_char_boundary(LINE_BYTES_MAX)]
}

/// A symptom, ready to search with.
struct Matcher {
    diagnosis: &'static Diagnosis,
    regex: Regex,
    before: Option<Regex>,
    event: Option<u32>,
}

struct Matchers {
    set: RegexSet,
    matchers: Vec<Matcher>,
    /// A line that names the source of an event, any source.
    source_line: Regex,
    /// A line that names the number of an event; the group is the number.
    number_line: Regex,
}

static MATCHERS: LazyLock<Matchers> = LazyLock::new(|| {
    let mut matchers = Vec::new();
    for diagnosis in diagnoses().iter() {
        matchers.extend(diagnosis.symptoms.iter().filter_map(|symptom| matcher(diagnosis, symptom)));
    }
    let set = match RegexSet::new(matchers.iter().map(|matcher| matcher.regex.as_str())) {
        Ok(set) => set,
        Err(error) => panic!("embedded file diagnoses.toml: {error}"),
    };
    Matchers {
        set,
        matchers,
        source_line: compile(r"(?i)^\s*(?:event\s*)?(?:source|provider(?:\s*name)?|ソース)\s*[:=：]"),
        number_line: compile(r"(?i)(?:event\s*id|イベント\s*id)(?:\s*[:=：]\s*|[^>]*>)(\d+)"),
    }
});

/// # Panics
/// On a malformed expression. They are all embedded, and the tests compile each.
fn compile(pattern: &str) -> Regex {
    match Regex::new(pattern) {
        Ok(regex) => regex,
        Err(error) => panic!("embedded file diagnoses.toml: {error}"),
    }
}

fn matcher(diagnosis: &'static Diagnosis, symptom: &Symptom) -> Option<Matcher> {
    let plain = |regex: Regex| Matcher { diagnosis, regex, before: None, event: None };
    Some(match symptom {
        Symptom::Text { text } => plain(compile(&regex::escape(text))),
        Symptom::Pattern { regex, before } => {
            Matcher { before: before.as_deref().map(compile), ..plain(compile(regex)) }
        }
        Symptom::Code { code } => plain(compile(&format!(r"(?i)\b(?:0x)?{code}\b"))),
        Symptom::ExitCode { code } => plain(compile(&format!(
            r"(?i)\b(?:exit(?:ed|s)?|return(?:ed|s)?|errorlevel|rc)(?: with)?(?: code| status| value)?\s*[:=]?\s*{code}\b"
        ))),
        Symptom::Event { source, id } => {
            Matcher { event: Some(*id), ..plain(compile(&format!(r"\b{}\b", regex::escape(source)))) }
        }
        Symptom::Seen { .. } => return None,
    })
}

#[derive(Default)]
struct Search {
    line_no: usize,
    before: VecDeque<String>,
    /// The line in which an event's source was seen, by index of its matcher, until the number follows.
    open_events: BTreeMap<usize, usize>,
    found: Vec<Match>,
}

impl Search {
    fn line(&mut self, line: &str) {
        self.line_no += 1;
        let matchers = &*MATCHERS;
        let mut seen: Vec<&str> = Vec::new();
        let hits = matchers.set.matches(line);
        if matchers.source_line.is_match(line) {
            self.open_events.clear();
        }
        for index in hits.iter() {
            let matcher = &matchers.matchers[index];
            match matcher.event {
                Some(_) => drop(self.open_events.insert(index, self.line_no)),
                None if seen.contains(&matcher.diagnosis.id.as_str()) => {}
                None => {
                    seen.push(&matcher.diagnosis.id);
                    let captures = self.captures(matcher, line);
                    self.push(matcher.diagnosis, line, captures);
                }
            }
        }
        self.events(line);
        if self.before.len() == LINES_BEFORE {
            self.before.pop_front();
        }
        self.before.push_back(line.to_owned());
    }

    /// Closes events whose source was seen: by their number, in this line or labelled in one soon after.
    fn events(&mut self, line: &str) {
        let matchers = &*MATCHERS;
        self.open_events.retain(|_, opened| self.line_no - *opened <= EVENT_LINES);
        let labelled: Option<u32> =
            matchers.number_line.captures(line).and_then(|numbers| numbers[1].parse().ok());
        for (index, opened) in self.open_events.clone() {
            let matcher = &matchers.matchers[index];
            let Some(wanted) = matcher.event else { continue };
            let here = match labelled {
                Some(number) => number == wanted,
                None => opened == self.line_no && has_number(line, wanted),
            };
            if here {
                self.push(matcher.diagnosis, line, BTreeMap::new());
            }
            // An event has one number: another one closes it as well.
            if here || labelled.is_some() {
                self.open_events.remove(&index);
            }
        }
    }

    fn captures(&self, matcher: &Matcher, line: &str) -> BTreeMap<String, String> {
        let mut captures = BTreeMap::new();
        if let Some(found) = matcher.regex.captures(line) {
            named(&matcher.regex, &found, &mut captures);
        }
        if let Some(before) = &matcher.before
            && let Some(found) = self.before.iter().rev().find_map(|line| before.captures(line))
        {
            named(before, &found, &mut captures);
        }
        captures
    }

    fn push(&mut self, diagnosis: &'static Diagnosis, line: &str, captures: BTreeMap<String, String>) {
        self.found.push(Match {
            diagnosis,
            line_no: self.line_no,
            line: line.to_owned(),
            before: self.before.iter().cloned().collect(),
            captures,
        });
    }
}

fn named(regex: &Regex, found: &Captures<'_>, captures: &mut BTreeMap<String, String>) {
    for name in regex.capture_names().flatten() {
        if let Some(value) = found.name(name) {
            captures.insert(name.to_owned(), value.as_str().trim_end().to_owned());
        }
    }
}

/// Whether a number stands in a line by itself.
fn has_number(line: &str, number: u32) -> bool {
    line.split(|char: char| !char.is_ascii_alphanumeric()).any(|word| word.parse() == Ok(number))
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
