//! Where things lie on a node. All is below one directory on durable storage.

/// Our directory on a node.
pub(crate) const ROOT: &str = "/var/lib/kaketsugi";

/// Where the package files of a frozen list lie; `digest` names the list.
pub(crate) fn stage(digest: &str) -> String {
    format!("{ROOT}/stage/{digest}")
}

/// The record that a frozen list was installed whole.
pub(crate) fn record(digest: &str) -> String {
    format!("{ROOT}/installed/{digest}")
}
