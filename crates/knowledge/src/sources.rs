//! What is cited: KB articles, bulletins, manual pages, documentation; `data/sources.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::{Certainty, Rule, embedded, rules};

/// Something that can be cited, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Source {
    /// Its id: `KB822582`, `VOTEQUORUM`.
    pub id: String,
    /// What it is.
    pub kind: SourceKind,
    /// Its title; those of KB articles are shortened or translated by us.
    pub title: String,
    /// What it says, in our own words.
    pub says: String,
    /// How certain we are of what it says.
    pub certainty: Certainty,
}

impl Source {
    /// How a person finds it: `KB 822582` for KB articles, the title for all else.
    #[must_use]
    pub fn label(&self) -> String {
        match (self.kind, self.id.strip_prefix("KB")) {
            (SourceKind::Kb, Some(number)) => format!("KB {number}"),
            _ => self.title.clone(),
        }
    }
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// An article of the Microsoft Knowledge Base.
    Kb,
    /// A Microsoft security bulletin.
    MicrosoftBulletin,
    /// A manual page.
    ManPage,
    /// Documentation of the product.
    Docs,
    /// An article of somebody else.
    Article,
    /// A public tool whose code shows the fact.
    Tool,
    /// Nothing public: our own knowledge.
    Own,
}

/// All sources, by id.
#[derive(Debug)]
pub struct Sources {
    by_id: BTreeMap<String, Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    source: Vec<Source>,
}

static SOURCES: LazyLock<Sources> = LazyLock::new(|| {
    let file: File = embedded::parse("sources.toml", include_str!("../data/sources.toml"));
    Sources { by_id: file.source.into_iter().map(|source| (source.id.clone(), source)).collect() }
});

/// All sources.
#[must_use]
pub fn sources() -> &'static Sources {
    &SOURCES
}

impl Sources {
    /// The source with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Source> {
        self.by_id.get(id)
    }

    /// All sources, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.by_id.values()
    }
}

/// What an id that a step or finding cites stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Citation {
    /// A row of the rule register.
    Rule(&'static Rule),
    /// Anything else.
    Source(&'static Source),
}

impl Citation {
    /// The text to show beside the id.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Rule(rule) => &rule.text,
            Self::Source(source) => &source.says,
        }
    }
}

/// Finds what an id stands for: a rule (`E03-CLU-03-STOP`) or a source (`KB822582`).
#[must_use]
pub fn cite(id: &str) -> Option<Citation> {
    rules().get(id).map(Citation::Rule).or_else(|| sources().get(id).map(Citation::Source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_say_something() {
        let file: File = toml::from_str(include_str!("../data/sources.toml")).unwrap();
        assert_eq!(file.source.len(), sources().iter().count(), "an id is there twice");
        for source in &file.source {
            assert!(!source.title.is_empty() && source.says.ends_with('.'), "{}", source.id);
            let number = source.id.strip_prefix("KB").and_then(|number| number.parse::<u32>().ok());
            assert_eq!(number.is_some(), source.kind == SourceKind::Kb, "{}", source.id);
            assert!(rules().get(&source.id).is_none(), "{} is a rule as well", source.id);
        }
    }

    #[test]
    fn rules_and_sources_are_cited_alike() {
        assert!(cite("KB822582").is_some_and(|c| c.text().starts_with("Only one virtual-server upgrade")));
        assert!(matches!(cite("E03-CLU-03-STOP"), Some(Citation::Rule(rule)) if rule.steps == [3]));
        assert_eq!(cite("KB1"), None);
        assert_eq!(sources().get("KB831464").map(Source::label).as_deref(), Some("KB 831464"));
        assert_eq!(sources().get("VOTEQUORUM").map(Source::label).as_deref(), Some("votequorum(5)"));
    }
}
