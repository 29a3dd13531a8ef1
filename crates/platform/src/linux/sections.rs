//! Many answers from one round trip: a script's sections, divided by a mark that no output can contain by chance.
//!
//! Each section is `MARK name`, the output, `MARK = code`. The mark is random for every script, so that nothing on a
//! node, an agent's output or a file's content, can forge a section.

use std::collections::BTreeMap;

use rand::Rng;

/// A fresh mark: 128 random bits.
pub(crate) fn mark() -> String {
    format!("@@{:032x}", rand::rng().next_u64() as u128 | (u128::from(rand::rng().next_u64()) << 64))
}

/// One section: what a command printed, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) text: String,
    pub(crate) code: u32,
}

/// Sections by name. A section whose end is missing isn't there at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sections(BTreeMap<String, Section>);

impl Sections {
    /// Reads a script's output.
    pub(crate) fn parse(output: &str, mark: &str) -> Self {
        let mut sections = BTreeMap::new();
        let mut open: Option<(String, String)> = None;
        for line in output.split_inclusive('\n') {
            let Some(word) =
                line.strip_prefix(mark).and_then(|rest| rest.strip_prefix(' ')).map(str::trim_end)
            else {
                if let Some((_, text)) = &mut open {
                    text.push_str(line);
                }
                continue;
            };
            match (word.strip_prefix("= "), open.take()) {
                (Some(code), Some((name, mut text))) => {
                    // The script puts a line end before the closing mark.
                    if text.ends_with('\n') {
                        text.pop();
                    }
                    if let Ok(code) = code.parse() {
                        sections.insert(name, Section { text, code });
                    }
                }
                (Some(_), None) => {}
                (None, _) => open = Some((word.to_owned(), String::new())),
            }
        }
        Self(sections)
    }

    /// A section, whatever its exit code.
    pub(crate) fn get(&self, name: &str) -> Option<&Section> {
        self.0.get(name)
    }

    /// The text of a section whose command ended with 0.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).filter(|s| s.code == 0).map(|s| s.text.as_str())
    }

    /// One trimmed line, not empty, of a section whose command ended with 0.
    pub(crate) fn line(&self, name: &str) -> Option<&str> {
        self.text(name).map(str::trim).filter(|line| !line.is_empty() && !line.contains('\n'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sections_are_divided_by_their_mark_alone() {
        let output = "noise\n@@m a\none\ntwo\n\n@@m = 0\n@@m b\n@@x = 0\n\n@@m = 7\n@@m empty\n\n@@m = 0\n@@m cut\nhalf";
        let sections = Sections::parse(output, "@@m");
        assert_eq!(sections.text("a"), Some("one\ntwo\n"));
        assert_eq!(sections.get("b"), Some(&Section { text: "@@x = 0\n".into(), code: 7 }));
        assert_eq!((sections.text("b"), sections.text("empty")), (None, Some("")));
        assert_eq!(sections.get("cut"), None, "its end never came");
        assert_eq!((sections.line("a"), sections.line("empty")), (None, None));
    }

    #[test]
    fn no_two_marks_are_alike() {
        assert_ne!(mark(), mark());
        assert_eq!(mark().len(), 34);
    }

    proptest! {
        #[test]
        fn no_output_panics(text in "(@@m ?|= ?|[a-z0-9]{0,3}|\n){0,30}") {
            let _ = Sections::parse(&text, "@@m");
        }
    }
}
