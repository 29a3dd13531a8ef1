//! Which build is that? The table of all known builds of Exchange Server, `data/builds.tsv`.

use std::sync::LazyLock;

use crate::{Build, Certainty};

/// A known build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRow {
    /// The product as the table writes it: `Exchange 2003`.
    pub product: &'static str,
    /// Name: `Exchange 2003 SP2`.
    pub name: &'static str,
    /// Its number.
    pub build: Build,
    /// Day or month of release, as ISO 8601: `2005-10-19`, `2008-03`.
    pub released: &'static str,
    /// How exact that date is.
    pub precision: Precision,
    /// What kind of release it is.
    pub kind: RowKind,
    /// KB article, where one is known: `KB906669`.
    pub kb: Option<&'static str>,
    /// How certain the row is.
    pub certainty: Certainty,
    /// Where it was read.
    pub sources: &'static str,
    /// What to know about it; empty: nothing.
    pub note: &'static str,
}

impl BuildRow {
    /// The product's id elsewhere in this program: `exchange-2003`.
    #[must_use]
    pub fn product_id(&self) -> String {
        self.product.to_lowercase().replace(' ', "-")
    }
}

/// How exact a date is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// The day is known.
    Day,
    /// Only the month is.
    Month,
}

/// What kind of release a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKind {
    /// Original release.
    Rtm,
    /// Service pack.
    ServicePack,
    /// Hotfix.
    Hotfix,
    /// Security update of 5.0 to 2003.
    Security,
    /// Rollup of hotfixes of 2000 and 2003.
    Rollup,
    /// Update rollup of 2007 and 2010.
    UpdateRollup,
    /// Cumulative update of 2013 and later.
    CumulativeUpdate,
    /// Security update of 2013 and later.
    SecurityUpdate,
    /// Hotfix update of 2016 and later.
    HotfixUpdate,
    /// Preview.
    Preview,
}

impl RowKind {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "RTM" => Self::Rtm,
            "SP" => Self::ServicePack,
            "HOTFIX" => Self::Hotfix,
            "SECURITY" => Self::Security,
            "ROLLUP" => Self::Rollup,
            "UR" => Self::UpdateRollup,
            "CU" => Self::CumulativeUpdate,
            "SU" => Self::SecurityUpdate,
            "HU" => Self::HotfixUpdate,
            "PREVIEW" => Self::Preview,
            _ => return None,
        })
    }

    /// Whether hotfixes are made for it: original release or service pack.
    #[must_use]
    pub fn is_level(self) -> bool {
        matches!(self, Self::Rtm | Self::ServicePack)
    }
}

/// The rows nearest to a build that isn't in the table, in the same version of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbours {
    /// The newest known build before it.
    pub before: Option<&'static BuildRow>,
    /// The oldest known build after it.
    pub after: Option<&'static BuildRow>,
}

/// All known builds, oldest first.
#[derive(Debug)]
pub struct BuildTable {
    rows: Vec<BuildRow>,
}

static TABLE: LazyLock<BuildTable> = LazyLock::new(|| BuildTable::read(include_str!("../data/builds.tsv")));

/// The table of all known builds.
#[must_use]
pub fn builds() -> &'static BuildTable {
    &TABLE
}

impl BuildTable {
    /// # Panics
    /// On a malformed row; the test below reads the embedded file, so that can't happen in a tested program.
    fn read(text: &'static str) -> Self {
        let mut rows: Vec<BuildRow> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .skip(1)
            .map(|line| row(line).unwrap_or_else(|| panic!("embedded file builds.tsv: {line}")))
            .collect();
        rows.sort_by_key(|row| row.build);
        Self { rows }
    }

    /// All rows, oldest build first.
    pub fn iter(&self) -> impl Iterator<Item = &BuildRow> {
        self.rows.iter()
    }

    /// The rows with exactly this build: several when one file build came with several releases.
    #[must_use]
    pub fn get(&self, build: Build) -> &[BuildRow] {
        let start = self.rows.partition_point(|row| row.build < build);
        let end = self.rows.partition_point(|row| row.build <= build);
        &self.rows[start..end]
    }

    /// The original release or service pack that a build stands on: the newest one not above it, in its version.
    ///
    /// `6.5.7650.28` (SP2 and a security update) stands on `6.5.7638.2`.
    #[must_use]
    pub fn level(&self, build: Build) -> Option<&BuildRow> {
        self.rows
            .iter()
            .rev()
            .find(|row| row.kind.is_level() && row.build <= build && row.build.same_version(build))
    }

    /// The nearest known builds around one, itself left out.
    #[must_use]
    pub fn neighbours(&'static self, build: Build) -> Neighbours {
        let related = || self.rows.iter().filter(|row| row.build.same_version(build));
        Neighbours {
            before: related().rfind(|row| row.build < build),
            after: related().find(|row| row.build > build),
        }
    }
}

fn row(line: &'static str) -> Option<BuildRow> {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[product, name, build, released, precision, kind, kb, certainty, sources, note] = fields.as_slice()
    else {
        return None;
    };
    Some(BuildRow {
        product,
        name,
        build: build.parse().ok()?,
        released,
        precision: match precision {
            "day" => Precision::Day,
            "month" => Precision::Month,
            _ => return None,
        },
        kind: RowKind::read(kind)?,
        kb: (!kb.is_empty()).then_some(kb),
        certainty: certainty.parse().ok()?,
        sources,
        note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Build {
        text.parse().unwrap()
    }

    #[test]
    fn the_whole_file_is_read_and_consistent() {
        assert_eq!(builds().iter().count(), 494);
        for row in builds().iter() {
            let length = match row.precision {
                Precision::Day => 10,
                Precision::Month => 7,
            };
            assert_eq!(row.released.len(), length, "{row:?}");
            assert!(!row.name.is_empty() && !row.sources.is_empty(), "{row:?}");
            if let Some(kb) = row.kb {
                assert!(kb.strip_prefix("KB").is_some_and(|n| n.parse::<u32>().is_ok()), "{row:?}");
            }
        }
    }

    #[test]
    fn the_two_builds_that_the_article_shows_are_the_service_packs() {
        for (build, name, service_pack) in
            [("6.5.7226.6", "Exchange 2003 SP1", 1), ("6.5.7638.2", "Exchange 2003 SP2", 2)]
        {
            let [row] = builds().get(read(build)) else { panic!("{build}") };
            assert_eq!(
                (row.name, row.kind, row.certainty),
                (name, RowKind::ServicePack, Certainty::Verified)
            );
            assert_eq!(row.product_id(), "exchange-2003");
            assert!(row.build.version_text(service_pack).ends_with(&format!("Service Pack {service_pack})")));
        }
    }

    #[test]
    fn one_build_can_come_with_several_releases() {
        let names: Vec<_> = builds().get(read("6.5.7233.69")).iter().map(|row| row.kb).collect();
        assert_eq!(names, [Some("KB916803"), Some("KB912442")]);
        assert!(builds().get(read("6.5.7683.0")).is_empty(), "a misprint of 7638 that other tables copied");
    }

    #[test]
    fn a_build_stands_on_its_service_pack() {
        let level = |text: &str| builds().level(read(text)).map(|row| row.build.to_string());
        assert_eq!(level("6.5.7638.2").as_deref(), Some("6.5.7638.2"));
        assert_eq!(level("6.5.7650.28").as_deref(), Some("6.5.7638.2"));
        assert_eq!(level("6.5.7235.2").as_deref(), Some("6.5.7226.6"));
        assert_eq!(level("6.0.6619.12").as_deref(), Some("6.0.6249.4"));
        assert_eq!(level("6.5.1.1"), None);
        assert_eq!(level("5.2.3790.0"), None);
    }

    #[test]
    fn an_unknown_build_has_neighbours_of_its_own_version() {
        let near = builds().neighbours(read("6.5.7640.0"));
        assert_eq!(near.before.map(|row| row.name), Some("Exchange 2003 SP2"));
        assert_eq!(near.after.map(|row| row.build.to_string()).as_deref(), Some("6.5.7650.28"));
        assert_eq!(builds().neighbours(read("6.5.99999.0")).after, None, "2007 is no neighbour");
    }
}
