//! `[directory]` and `[scheduled-tasks]`: accounts beside those of the servers. No password is ever read from this file.

use toml::Spanned;
use toml::de::DeValue;

use super::read::{Fields, Sink};
use super::{Code, Mistake, hint};
use crate::{Account, DirectoryAccess};

pub(super) const DIRECTORY: &[&str] = &["url", "start-tls", "account"];
pub(super) const ACCOUNT: &[&str] = &["user", "password-file", "password-env"];

const PASSWORD_HELP: &str = "write password-file = \"/etc/kaketsugi/password\" or password-env = \"A_VARIABLE\"; the \
                             password itself never stands in an estate file, which travels in plans";

pub(super) fn directory<'a>(value: &'a Spanned<DeValue<'a>>, sink: &mut Sink) -> Option<DirectoryAccess> {
    let fields = Fields::open(value, "directory", DIRECTORY, sink)?;
    fields.need("url", "\"ldaps://dc1.example.com\"", sink);
    let start_tls = fields.boolean("start-tls", sink).unwrap_or(false);
    let account = fields.get("account").and_then(|value| account(value, "the directory's account", sink));
    let url = fields.line("url", sink)?;
    let host = url.value.strip_prefix("ldap://").or_else(|| url.value.strip_prefix("ldaps://"));
    if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
        let message = format!("{} leads to no directory", hint::quoted(&url.value));
        let help =
            "write ldap://HOST or ldaps://HOST, with the port behind a colon where it isn't the usual one";
        sink.say(Mistake::new(Code::InvalidDirectory, message, help).at(&url.span, "no LDAP address"));
        return None;
    }
    if start_tls && url.value.starts_with("ldaps://") {
        let help = "leave start-tls out: an ldaps:// connection is encrypted from its first byte";
        let message = "start-tls is for ldap:// addresses only";
        sink.say(Mistake::new(Code::InvalidDirectory, message, help).at(&url.span, "encrypted already"));
        return None;
    }
    Some(DirectoryAccess { url: url.value, start_tls, account })
}

pub(super) fn account<'a>(value: &'a Spanned<DeValue<'a>>, what: &str, sink: &mut Sink) -> Option<Account> {
    let fields = Fields::open(value, what, ACCOUNT, sink)?;
    fields.need("user", "'EXAMPLE\\mender'", sink);
    let user = fields.line("user", sink);
    let (file, env) = (fields.line("password-file", sink), fields.line("password-env", sink));
    let said = ["password-file", "password-env"].iter().filter(|key| fields.get(key).is_some()).count();
    if said != 1 && !sink.unread() {
        let message = match said {
            0 => format!("nothing says where the password of {what} is"),
            _ => format!("the password of {what} is in two places"),
        };
        sink.say(Mistake::new(Code::InvalidAccount, message, PASSWORD_HELP).at(&fields.span, "this account"));
        return None;
    }
    Some(Account {
        user: user?.value,
        password_file: file.map(|text| text.value),
        password_env: env.map(|text| text.value),
    })
}
