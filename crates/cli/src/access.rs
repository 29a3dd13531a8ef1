//! What the estate logs in to beside its servers: directory and account of scheduled tasks, with their passwords.

use std::path::Path;

use kaketsugi_estate::{Account, DirectoryAccess, Estate};
use kaketsugi_platform::windows::{LdapDirectory, RunAs};

use crate::exit::Failure;
use crate::files;

/// A directory that the estate file or the command line names.
pub(crate) fn directory(directory: &DirectoryAccess) -> Result<LdapDirectory, Failure> {
    let bind = match &directory.account {
        Some(account) => Some((account.user.clone(), password(account, "the directory")?)),
        None => None,
    };
    Ok(LdapDirectory { url: directory.url.clone(), start_tls: directory.start_tls, bind })
}

/// The account under which detached work runs on Windows nodes.
pub(crate) fn tasks(estate: &Estate) -> Result<RunAs, Failure> {
    match &estate.access.scheduled_tasks {
        None => Ok(RunAs::System),
        Some(account) => Ok(RunAs::Administrator {
            user: account.user.clone(),
            password: password(account, "scheduled tasks")?,
        }),
    }
}

/// The account's password, from where the estate file says that it is.
fn password(account: &Account, of: &str) -> Result<String, Failure> {
    let (place, found) = match (&account.password_file, &account.password_env) {
        (Some(file), _) => {
            (format!("the first line of {file}"), files::first_line(Path::new(file), "the password file")?)
        }
        (None, Some(name)) => {
            (format!("the environment variable {name}"), std::env::var(name).unwrap_or_default())
        }
        (None, None) => ("the estate file".to_owned(), String::new()),
    };
    if found.is_empty() {
        return Err(Failure::cannot(
            format!("there is no password for {} in {place}", account.user),
            format!("It is the account for {of}."),
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(file: Option<&str>, env: Option<&str>) -> Account {
        Account {
            user: r"E\mender".into(),
            password_file: file.map(Into::into),
            password_env: env.map(Into::into),
        }
    }

    #[test]
    fn a_password_comes_from_its_place_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pw");
        std::fs::write(&file, "one two\r\nmore\n").unwrap();
        let read = |name: &str| password(&account(Some(name), None), "tests");
        assert_eq!(read(file.to_str().unwrap()).unwrap(), "one two");
        std::fs::write(&file, "\n").unwrap();
        let why = read(file.to_str().unwrap()).unwrap_err().to_string();
        assert!(why.contains("has no first line"), "{why}");
        assert!(read("/nowhere/pw").is_err());
        let unset = password(&account(None, Some("KAKETSUGI_TEST_THAT_NOBODY_SETS")), "tests");
        assert!(unset.unwrap_err().to_string().contains("KAKETSUGI_TEST_THAT_NOBODY_SETS"));
        // Cargo sets this one for every test.
        assert!(!password(&account(None, Some("CARGO_MANIFEST_DIR")), "tests").unwrap().is_empty());
    }
}
