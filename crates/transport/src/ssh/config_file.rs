//! ssh_config files as lines: words, quotes, includes. What a keyword means is [`config`](super::config)'s question.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::pattern;

/// How deep files may include one another, as in OpenSSH.
const INCLUDE_DEPTH_MAX: usize = 16;

/// One line of a file.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// `file:line`.
    pub(super) place: String,
    /// The keyword in lower case.
    pub(super) keyword: String,
    /// Its arguments, without quotes.
    pub(super) arguments: Vec<String>,
    /// What an `Include` brought in, a list per file.
    pub(super) included: Vec<Vec<Line>>,
}

/// A place that can't be used, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) place: Option<String>,
    pub(super) why: String,
    pub(super) remedy: String,
}

impl Refusal {
    pub(super) fn at(place: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { place: Some(place.into()), why: why.into(), remedy: remedy.into() }
    }
}

/// Whose file it is: that decides what relative includes are relative to, and who may have written it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The user's: nobody else may be able to write it.
    User,
    /// The system's.
    System,
}

/// Reads a file with all that it includes; a file that isn't there is empty.
pub(super) fn read(file: &Path, owner: Owner, home: &Path) -> Result<Vec<Line>, Refusal> {
    read_nested(file, owner, home, 0)
}

fn read_nested(file: &Path, owner: Owner, home: &Path, depth: usize) -> Result<Vec<Line>, Refusal> {
    let place = file.display().to_string();
    if depth > INCLUDE_DEPTH_MAX {
        return Err(Refusal::at(place, "files include one another without end", "Take the Include out"));
    }
    let unreadable =
        |why: std::io::Error| Refusal::at(place.clone(), why.to_string(), "Make the file readable");
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(unreadable(why)),
    };
    if owner == Owner::User {
        let about = fs::metadata(file).map_err(unreadable)?;
        let ours = nix::unistd::getuid().as_raw();
        if about.mode() & 0o022 != 0 || ![0, ours].contains(&about.uid()) {
            return Err(Refusal::at(
                place,
                "others can write this file, and could send us to another host",
                format!("Run `chmod go-w {0}`, and make it your own", file.display()),
            ));
        }
    }
    let mut lines = Vec::new();
    for (index, text) in String::from_utf8_lossy(&bytes).lines().enumerate() {
        let place = format!("{}:{}", file.display(), index + 1);
        let Some((keyword, arguments)) = split(text, &place)? else { continue };
        let mut included = Vec::new();
        if keyword == "include" {
            for argument in &arguments {
                for found in glob(&include_path(argument, owner, home)) {
                    included.push(read_nested(&found, owner, home, depth + 1)?);
                }
            }
        }
        lines.push(Line { place, keyword, arguments, included });
    }
    Ok(lines)
}

fn include_path(argument: &str, owner: Owner, home: &Path) -> PathBuf {
    match (argument.strip_prefix("~/"), owner) {
        (Some(rest), _) => home.join(rest),
        // An absolute argument replaces what it is joined to.
        (None, Owner::User) => home.join(".ssh").join(argument),
        (None, Owner::System) => Path::new("/etc/ssh").join(argument),
    }
}

/// Keyword and arguments of a line; `None` for an empty one or a comment.
fn split(text: &str, place: &str) -> Result<Option<(String, Vec<String>)>, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(text.len());
    let keyword = text[..end].to_ascii_lowercase();
    let rest = text[end..].trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let mut arguments = Vec::new();
    let mut chars = rest.chars().peekable();
    loop {
        while chars.next_if(char::is_ascii_whitespace).is_some() {}
        let mut word = String::new();
        let mut quote = None;
        match chars.peek() {
            // From here on a comment, as OpenSSH takes it since 8.5.
            None | Some('#') => break,
            Some(_) => {}
        }
        loop {
            match chars.next() {
                None if quote.is_some() => {
                    return Err(Refusal::at(place, "a quote isn't closed", "Close it"));
                }
                None => break,
                Some('\\') if matches!(chars.peek(), Some('"' | '\'' | '\\')) => word.extend(chars.next()),
                Some(c) if quote == Some(c) => quote = None,
                Some(c @ ('"' | '\'')) if quote.is_none() => quote = Some(c),
                Some(c) if quote.is_none() && c.is_ascii_whitespace() => break,
                Some(c) => word.push(c),
            }
        }
        arguments.push(word);
    }
    Ok(Some((keyword, arguments)))
}

/// The files that a path with `*` and `?` in any of its parts stands for, in order of their names.
fn glob(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let text = part.as_os_str().to_string_lossy();
        let wild = matches!(part, Component::Normal(_)) && text.contains(['*', '?']);
        if !wild {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        found = found
            .iter()
            .flat_map(|dir| {
                let mut names: Vec<_> = fs::read_dir(dir)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|entry| entry.file_name())
                    .collect();
                names.sort();
                names.into_iter().filter_map(|name| {
                    let shown = name.to_string_lossy();
                    // As in a shell, a wildcard doesn't find hidden files.
                    let fits = !shown.starts_with('.') && pattern::matches(&text, &shown);
                    fits.then(|| dir.join(&name))
                })
            })
            .collect();
    }
    found.retain(|path| path.is_file());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<(String, Vec<String>)> {
        split(text, "here:1").unwrap()
    }

    #[test]
    fn words_quotes_and_equals_signs() {
        let expect = |keyword: &str, arguments: &[&str]| {
            Some((keyword.to_owned(), arguments.iter().map(|&word| word.to_owned()).collect()))
        };
        assert_eq!(words("  HostName  db.lab  "), expect("hostname", &["db.lab"]));
        assert_eq!(words("Port=2222"), expect("port", &["2222"]));
        assert_eq!(words("Port = 2222"), expect("port", &["2222"]));
        assert_eq!(
            words("IdentityFile \"~/my keys/a b\" c"),
            expect("identityfile", &["~/my keys/a b", "c"])
        );
        assert_eq!(words("Host a # the first"), expect("host", &["a"]));
        assert_eq!(words("Host"), expect("host", &[]));
        assert_eq!(words("# Host a"), None);
        assert!(split("Host \"a", "here:1").is_err());
    }

    #[test]
    fn includes_are_found_by_wildcard_in_order() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join(".ssh/conf.d");
        fs::create_dir_all(&dir).unwrap();
        for (name, text) in
            [("b.conf", "Port 2"), ("a.conf", "Port 1"), (".hidden.conf", "Port 3"), ("x", "Port 4")]
        {
            fs::write(dir.join(name), text).unwrap();
        }
        let file = home.path().join(".ssh/config");
        fs::write(&file, "Include conf.d/*.conf\n").unwrap();
        let lines = read(&file, Owner::User, home.path()).unwrap();
        let ports: Vec<_> = lines[0].included.iter().map(|file| file[0].arguments[0].as_str()).collect();
        assert_eq!(ports, ["1", "2"]);
    }

    #[test]
    fn a_file_that_others_can_write_and_endless_includes_are_refused() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        fs::write(&file, format!("Include {}\n", file.display())).unwrap();
        assert!(read(&file, Owner::User, home.path()).unwrap_err().why.contains("without end"));
        fs::write(&file, "Port 1\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(read(&file, Owner::User, home.path()).unwrap_err().why.contains("others can write"));
    }
}
