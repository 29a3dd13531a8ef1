//! Tables of `cluster.exe`.
//!
//! Columns are padded and not cut, so that a long name pushes everything behind it: rows are read from the right. The
//! status comes last, before it the node, before it the group, and what is left is the resource.

/// Status words, the longer ones first. Other words (a translated Windows) are unknown.
const GROUP_STATUS: &[&str] = &["Partially Online", "Online", "Offline", "Failed", "Pending"];
const RESOURCE_STATUS: &[&str] =
    &["Online Pending", "Offline Pending", "Online", "Offline", "Failed", "Inherited", "Initializing"];
const NODE_STATUS: &[&str] = &["Up", "Down", "Paused", "Joining"];

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRow(pub(super) String);

impl BadRow {
    /// Why it could not be read, and what to do where that is known.
    pub(super) fn why(&self) -> String {
        let row = kaketsugi_transport::sanitize(&self.0);
        // Names may be written in any script; it is the last word that says the status.
        let status = self.0.split_whitespace().next_back().unwrap_or_default();
        if status.is_ascii() {
            return format!("`{row}`");
        }
        format!(
            "`{row}`: this Windows prints its status words translated, and only the English ones are known here for \
             certain, so nothing is taken for granted. Let the account that logs in have English as its language, or \
             have a person see to this server: transport = \"operator\" in the estate file"
        )
    }
}

/// A node's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeRow {
    pub(super) name: String,
    pub(super) status: &'static str,
}

/// A group's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GroupRow {
    pub(super) name: String,
    pub(super) node: String,
    pub(super) status: &'static str,
}

/// A resource's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResourceRow {
    pub(super) name: String,
    pub(super) group: String,
    pub(super) status: &'static str,
}

/// The lines behind the line of dashes. None: there is no table.
fn rows(text: &str) -> Option<Vec<&str>> {
    let mut lines = text.lines();
    lines.find(|line| {
        let line = line.trim();
        line.starts_with("--") && line.chars().all(|c| c == '-' || c == ' ')
    })?;
    Some(lines.map(str::trim_end).take_while(|line| !line.is_empty()).collect())
}

fn status<'a>(line: &'a str, known: &[&'static str]) -> Option<(&'a str, &'static str)> {
    known.iter().find_map(|word| {
        let rest = line.strip_suffix(word)?;
        rest.ends_with(' ').then(|| (rest.trim_end(), *word))
    })
}

fn last_word(line: &str) -> Option<(&str, &str)> {
    let at = line.rfind(' ')?;
    Some((line[..at].trim_end(), &line[at + 1..]))
}

/// `cluster node`.
pub(super) fn nodes(text: &str) -> Result<Vec<NodeRow>, BadRow> {
    let read = |line: &str| {
        let (rest, status) = status(line, NODE_STATUS)?;
        let (name, id) = last_word(rest)?;
        id.parse::<u32>().ok()?;
        Some(NodeRow { name: name.trim().to_owned(), status })
    };
    all(text, read)
}

/// `cluster group`.
pub(super) fn groups(text: &str) -> Result<Vec<GroupRow>, BadRow> {
    let read = |line: &str| {
        let (rest, status) = status(line, GROUP_STATUS)?;
        let (name, node) = last_word(rest)?;
        Some(GroupRow { name: name.trim().to_owned(), node: node.to_owned(), status })
    };
    all(text, read)
}

/// `cluster res`. The group is told from the resource by the groups' names; where two names fit the row is unreadable.
pub(super) fn resources(text: &str, groups: &[String]) -> Result<Vec<ResourceRow>, BadRow> {
    let read = |line: &str| {
        let (rest, status) = status(line, RESOURCE_STATUS)?;
        let (names, _node) = last_word(rest)?;
        let fits: Vec<(&str, &String)> = groups
            .iter()
            .filter_map(|group| {
                let resource = strip_suffix_whatever_case(names, group)?;
                resource.ends_with(' ').then(|| (resource.trim(), group))
            })
            .filter(|(resource, _)| !resource.is_empty())
            .collect();
        let (name, group) = match fits.as_slice() {
            [one] => *one,
            several => {
                // Padding divides: a name of less than 20 characters is followed by the group at column 21.
                let padded: String = names.chars().skip(21).collect();
                *several.iter().find(|(_, group)| padded.trim().eq_ignore_ascii_case(group))?
            }
        };
        Some(ResourceRow { name: name.to_owned(), group: group.clone(), status })
    };
    all(text, read)
}

fn strip_suffix_whatever_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    let (head, tail) = (text.get(..at)?, text.get(at..)?);
    tail.eq_ignore_ascii_case(suffix).then_some(head)
}

fn all<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, BadRow> {
    let Some(rows) = rows(text) else {
        return Err(BadRow(
            text.lines().find(|l| !l.trim().is_empty()).unwrap_or("nothing").trim().to_owned(),
        ));
    };
    rows.into_iter()
        .map(|line| read(line.trim_start()).ok_or_else(|| BadRow(line.trim().to_owned())))
        .collect()
}

/// A property's value in what `/prop` and `/priv` print: behind the object's name and the property's. Numbers are
/// written as `1 (0x1)`.
pub(super) fn property(text: &str, object: &str, name: &str) -> Option<String> {
    rows(text)?.into_iter().find_map(|line| {
        // The first column says the type and whether the property is read-only.
        let (_, rest) = line.trim_start().split_once(' ')?;
        let rest = rest.trim_start();
        let head = rest.get(..object.len()).filter(|h| h.eq_ignore_ascii_case(object))?;
        let rest = rest[head.len()..].strip_prefix(' ')?.trim_start();
        let (property, value) = rest.split_once(' ')?;
        property.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// The number of a property: `1 (0x1)`.
pub(super) fn number(value: &str) -> Option<u32> {
    value.split_whitespace().next()?.parse().ok()
}

/// The names that `/listowners` prints below its line of dashes.
pub(super) fn names(text: &str) -> Option<Vec<String>> {
    Some(rows(text)?.into_iter().map(|line| line.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: &str = "Listing status for all available resource groups:\r\n\r\nGroup                Node            Status\r\n-------------------- --------------- ------\r\nCluster Group        NODE1           Online\r\nExchange Virtual Server 1 of Tokyo NODE2           Partially Online\r\n";

    #[test]
    fn groups_are_read_from_the_right() {
        let rows = groups(GROUPS).unwrap();
        assert_eq!(
            rows[0],
            GroupRow { name: "Cluster Group".into(), node: "NODE1".into(), status: "Online" }
        );
        assert_eq!(
            rows[1],
            GroupRow {
                name: "Exchange Virtual Server 1 of Tokyo".into(),
                node: "NODE2".into(),
                status: "Partially Online"
            }
        );
    }

    #[test]
    fn translated_words_are_refused_with_what_to_do() {
        let translated = GROUPS.replace("Partially Online", "一部オンライン");
        let why = groups(&translated).unwrap_err().why();
        assert!(why.contains("一部オンライン") && why.contains("transport = \"operator\""), "{why}");
        // A translated name alone is no reason.
        let named = GROUPS.replace("Cluster Group        NODE1", "クラスタ グループ    NODE1");
        assert_eq!(groups(&named).unwrap()[0].name, "クラスタ グループ");
        assert_eq!(BadRow("クラスタ NODE1 Strange".into()).why(), "`クラスタ NODE1 Strange`");
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert!(groups("System error 1753 has occurred.\r\n").is_err());
        let translated = GROUPS.replace("Partially Online", "一部オンライン");
        assert!(groups(&translated).is_err());
        // No blank before the word: part of a name.
        assert!(nodes("x\r\n---\r\nNODE1 1 SetUp\r\n").is_err());
    }

    #[test]
    fn resources_are_told_from_groups_by_name_or_by_padding() {
        let table = |row: &str| format!("x\r\n-------------------- --------------------\r\n{row}\r\n");
        let known: Vec<String> = ["EVS1", "Group", "Cluster Group"].map(String::from).into();
        let read = |row: &str| resources(&table(row), &known);
        let row = read(
            "Exchange System Attendant Instance (EVS1) EVS1                 NODE2           Online Pending",
        );
        let row = &row.unwrap()[0];
        assert_eq!(
            (row.name.as_str(), row.group.as_str(), row.status),
            ("Exchange System Attendant Instance (EVS1)", "EVS1", "Online Pending")
        );
        let row = &read("Disk Q:              Cluster Group        NODE1           Online").unwrap()[0];
        assert_eq!((row.name.as_str(), row.group.as_str()), ("Disk Q:", "Cluster Group"));
        assert!(read("A resource with a long name Cluster Group        NODE1           Online").is_err());
        assert!(read("MSDTC                Elsewhere            NODE1           Online").is_err());
    }

    #[test]
    fn properties_are_found_behind_their_object() {
        let text = "Listing properties for 'A B':\r\n\r\nT  Resource             Name                           Value\r\n-- -------------------- ------------------------------ -----------------------\r\nSR A B                  Name                           A B \r\nS  A B                  Type                           Network Name \r\nD  A B                  PersistentState                1 (0x1) \r\n";
        assert_eq!(property(text, "a b", "type").as_deref(), Some("Network Name"));
        assert_eq!(property(text, "A B", "PersistentState").as_deref().and_then(number), Some(1));
        assert_eq!(property(text, "A", "Type"), None);
    }

    #[test]
    fn nodes_and_owners_are_read() {
        let text = "Node           Node ID Status\r\n-------------- ------- ---------------------\r\nBJMSAPG1A            1 Up\r\nBJMSAPG1B            2 Paused\r\n";
        assert_eq!(nodes(text).unwrap()[1], NodeRow { name: "BJMSAPG1B".into(), status: "Paused" });
        let owners = "Listing preferred owners for resource group 'x':\r\n\r\nPreferred Owner Nodes\r\n---------------------\r\nN1\r\nN2\r\n";
        assert_eq!(names(owners).unwrap(), ["N1", "N2"]);
    }
}
