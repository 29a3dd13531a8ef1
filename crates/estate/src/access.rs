//! Accounts that an estate needs beside those of its servers. Passwords are elsewhere: in a file or in the environment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a run logs in to beside the servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Access {
    /// Where the versions of Exchange virtual servers are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectoryAccess>,
    /// Under which account detached work runs on Windows nodes. None: the node's own SYSTEM account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_tasks: Option<Account>,
}

impl Access {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A domain controller. It is only read. `[directory]` in the estate file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DirectoryAccess {
    /// `ldap://HOST` or `ldaps://HOST`, with the port behind a colon where it isn't the usual one.
    #[schemars(regex(pattern = "^ldaps?://."))]
    pub url: String,
    /// Whether an `ldap://` connection is encrypted before anything else is said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub start_tls: bool,
    /// The account that asks. Without it the question is anonymous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
}

/// An account, and where its password is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Account {
    /// Its name, as what is logged in to knows it: `EXAMPLE\mender`, `mender@example.com`.
    #[schemars(length(min = 1))]
    pub user: String,
    /// A file on the controller whose first line is the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub password_file: Option<String>,
    /// An environment variable of the controller's process that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub password_env: Option<String>,
}
