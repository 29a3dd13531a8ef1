//! Where this machine gets its Debian packages from: its own apt configuration, and nothing else.
//!
//! The lab's nodes are Debian 12. Base and updates come from the archives that the host's sources name; no mirror is
//! written down here, so that a machine behind a private mirror works as it is.

use std::path::Path;

use crate::error::{LabError, Result};

/// The release that the nodes run.
pub(crate) const SUITE: &str = "bookworm";

/// One archive location that offers a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The archive's root, as apt wants it.
    pub(crate) uri: String,
    /// The suites it is configured for.
    pub(crate) suites: Vec<String>,
    /// Its components.
    pub(crate) components: Vec<String>,
    /// The key file that signs it, if one is named.
    pub(crate) signed_by: Option<String>,
}

/// The three archives that the lab draws on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archives {
    /// The release itself: the base tree, and packages to repack.
    pub(crate) main: Source,
    /// Its updates: (source, suite), security first; empty where the machine knows none.
    pub(crate) updates: Vec<(Source, String)>,
}

impl Archives {
    /// Reads the host's apt configuration.
    pub(crate) fn of_this_machine() -> Result<Archives> {
        let mut sources = Vec::new();
        for (path, text) in config_files(Path::new("/etc/apt"))? {
            sources.extend(if path.ends_with(".sources") { deb822(&text) } else { one_line(&text) });
        }
        choose(&sources)
    }
}

fn config_files(etc: &Path) -> Result<Vec<(String, String)>> {
    let mut paths = vec![etc.join("sources.list")];
    if let Ok(entries) = std::fs::read_dir(etc.join("sources.list.d")) {
        paths.extend(entries.flatten().map(|e| e.path()));
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path.to_string_lossy().into_owned();
        if name.ends_with(".list") || name.ends_with(".sources") {
            match std::fs::read_to_string(&path) {
                Ok(text) => files.push((name, text)),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(LabError::io("read", &path)(e)),
            }
        }
    }
    Ok(files)
}

/// The form of `*.sources`: stanzas of `Key: value` (sources.list(5)).
fn deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for stanza in text.split("\n\n") {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in stanza.lines().filter(|l| !l.starts_with('#')) {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((key, value)) = line.split_once(':') {
                fields.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let field = |key: &str| fields.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        let words = |key: &str| field(key).map(words).unwrap_or_default();
        if field("enabled").is_some_and(|v| v.eq_ignore_ascii_case("no"))
            || !words("types").contains(&"deb".into())
        {
            continue;
        }
        for uri in words("uris") {
            sources.push(Source {
                uri,
                suites: words("suites"),
                components: words("components"),
                // An inline key block is no path; the default keyring has to do then.
                signed_by: field("signed-by").filter(|v| v.starts_with('/')).map(str::to_owned),
            });
        }
    }
    sources
}

/// The form of `*.list`: `deb [options] uri suite components`.
fn one_line(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.trim().strip_prefix("deb ") else { continue };
        let (options, rest) = match rest.trim().strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((options, rest)) => (words(options), rest),
            None => (Vec::new(), rest),
        };
        let mut parts = words(rest).into_iter();
        if let (Some(uri), Some(suite)) = (parts.next(), parts.next()) {
            let signed_by = options.iter().find_map(|o| o.strip_prefix("signed-by=")).map(str::to_owned);
            sources.push(Source { uri, suites: vec![suite], components: parts.collect(), signed_by });
        }
    }
    sources
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn choose(sources: &[Source]) -> Result<Archives> {
    let offers = |source: &Source, suite: &str| {
        source.suites.iter().any(|s| s == suite) && source.components.iter().any(|c| c == "main")
    };
    let find = |suite: &str| sources.iter().find(|s| offers(s, suite)).cloned();
    let main = find(SUITE).ok_or_else(|| LabError::NoArchive { wanted: format!("{SUITE} main") })?;
    let updates = [format!("{SUITE}-security"), format!("{SUITE}-updates")]
        .into_iter()
        .filter_map(|suite| find(&suite).map(|source| (source, suite)))
        .collect();
    Ok(Archives { main, updates })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: &str = "Types: deb\n# a comment\nURIs: http://mirror.example/debian\nSuites: bookworm\n bookworm-updates\n\
        Components: main contrib\nSigned-By: /k.gpg\n\nEnabled: no\nTypes: deb\nURIs: http://off.example\n\
        Suites: bookworm\nComponents: main\n\nTypes: deb-src\nURIs: http://src.example\nSuites: bookworm\nComponents: main\n";

    #[test]
    fn both_forms_are_read() {
        let stanzas = deb822(SOURCES);
        assert_eq!(stanzas.len(), 1, "a disabled stanza and one of sources don't count");
        assert_eq!(stanzas[0].suites, ["bookworm", "bookworm-updates"]);
        assert_eq!(stanzas[0].signed_by.as_deref(), Some("/k.gpg"));
        let lines = one_line(
            "# deb x y z\ndeb [arch=amd64 signed-by=/s.gpg] http://sec.example bookworm-security main\n",
        );
        assert_eq!(lines[0].uri, "http://sec.example");
        assert_eq!(lines[0].signed_by.as_deref(), Some("/s.gpg"));
    }

    #[test]
    fn security_goes_before_updates_and_other_suites_are_left() {
        let mut sources = deb822(SOURCES);
        sources.extend(one_line(
            "deb http://sec.example bookworm-security main\ndeb http://x.example nodistro main\n",
        ));
        let archives = choose(&sources).unwrap();
        assert_eq!(archives.main.uri, "http://mirror.example/debian");
        let suites: Vec<_> = archives.updates.iter().map(|(_, suite)| suite.as_str()).collect();
        assert_eq!(suites, ["bookworm-security", "bookworm-updates"]);
    }

    #[test]
    fn a_machine_without_the_release_is_told_so() {
        let error = choose(&one_line("deb http://x.example trixie main\n")).unwrap_err();
        assert!(error.to_string().contains("bookworm main"), "{error}");
    }
}
