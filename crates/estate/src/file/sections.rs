//! The tables of the file, one after the other. Each list of keys stands beside the function that reads them.

use std::str::FromStr;

use jiff::Timestamp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::draft::{ClusterDraft, Draft, GroupDraft, ServerDraft};
use super::read::{At, Fields, Sink, string, word, wrong_type};
use super::{Code, Mistake, access, hint, policy, pools, words};
use crate::{
    Access, Address, EvidenceEntry, Health, InvalidId, MediaEntry, Millis, RehearsalGroup, RehearsalNode,
    ReleaseId, ServerId,
};

pub(super) const FILE: &[&str] = &[
    "name",
    "server",
    "cluster",
    "pool",
    "policy",
    "evidence",
    "media",
    "directory",
    "scheduled-tasks",
    "rehearsal",
];
pub(super) const SERVER: &[&str] =
    &["name", "address", "user", "become", "product", "os", "transport", "roles", "health"];
pub(super) const CLUSTER: &[&str] = &["name", "kind", "nodes", "group"];
pub(super) const GROUP: &[&str] = &["name", "preferred", "health"];
pub(super) const HEALTH: &[&str] = &["command", "timeout-seconds"];
pub(super) const EVIDENCE: &[&str] = &["kind", "at", "by"];
pub(super) const MEDIA: &[&str] = &["release", "path", "sha256"];
pub(super) const REHEARSAL: &[&str] = &["nodes", "groups"];
pub(super) const REHEARSAL_NODE: &[&str] =
    &["installed", "asks-for-restart", "out-of-pool", "hotfixes", "services"];
pub(super) const REHEARSAL_GROUP: &[&str] = &["owner", "version", "storage-groups"];

/// Reads every table of the file.
pub(super) fn file<'a>(table: &'a DeTable<'a>, rules: policy::Rules<'_>, sink: &mut Sink) -> Draft {
    let root = Fields::root(table, FILE, sink);
    let mut draft = Draft::default();
    if root.need("name", "\"mail-osaka\"", sink).is_some() {
        draft.name = root.line("name", sink).map(|name| name.value);
    }
    draft.servers =
        root.tables("server", "server", sink).into_iter().filter_map(|v| server(v, sink)).collect();
    let listed =
        root.get("server").is_some_and(|list| list.get_ref().as_array().is_none_or(|list| !list.is_empty()));
    if !listed && !sink.unread() {
        let help = "describe each in a table of its own that begins with [[server]]";
        sink.say(
            Mistake::new(Code::NoServers, "the estate has no server", help).at(&(0..0), "no [[server]] here"),
        );
    }
    draft.clusters =
        root.tables("cluster", "cluster", sink).into_iter().filter_map(|v| cluster(v, sink)).collect();
    draft.pools =
        root.tables("pool", "pool", sink).into_iter().filter_map(|v| pools::pool(v, sink)).collect();
    if let Some(value) = root.get("policy") {
        draft.policy = policy::policy(value, rules, sink);
    }
    draft.evidence =
        root.tables("evidence", "evidence", sink).into_iter().filter_map(|v| evidence(v, sink)).collect();
    draft.media = root.tables("media", "media", sink).into_iter().filter_map(|v| media(v, sink)).collect();
    draft.access = Access {
        directory: root.get("directory").and_then(|value| access::directory(value, sink)),
        scheduled_tasks: root
            .get("scheduled-tasks")
            .and_then(|value| access::account(value, "the scheduled tasks", sink)),
    };
    if let Some(value) = root.get("rehearsal") {
        rehearsal(value, &mut draft, sink);
    }
    draft
}

fn server<'a>(value: &'a Spanned<DeValue<'a>>, sink: &mut Sink) -> Option<ServerDraft> {
    let fields = Fields::open(value, "server", SERVER, sink)?;
    fields.need("address", "\"10.0.0.11\"", sink);
    fields.need("product", "\"debian\"", sink);
    let product = fields.word("product", &words::PRODUCTS, sink);
    let mut os = fields.word("os", &words::SYSTEMS, sink);
    if let (Some(product), None) = (&product, fields.get("os")) {
        match product.value.systems() {
            [only] => os = Some(At { value: *only, span: product.span.clone() }),
            several => {
                let known: Vec<_> = several.iter().map(|os| words::word(&words::SYSTEMS, os)).collect();
                let help = format!(
                    "{} runs on {}: write the one that this server has",
                    product.value,
                    hint::list(&known)
                );
                fields.missing(Code::MissingKey, "os", &help, sink);
            }
        }
    }
    let what = format!("an entry of `roles` of {}", fields.what);
    let roles = fields.array("roles", sink).into_iter();
    let roles: Vec<_> = roles.filter_map(|value| word(value, &what, &words::ROLES, sink)).collect();
    Some(ServerDraft {
        name: name(&fields, "\"n1\"", sink),
        address: fields.text("address", sink).and_then(|text| address(text, sink)),
        user: fields.line("user", sink).and_then(|text| user(text, sink)),
        r#become: fields.boolean("become", sink).unwrap_or(false),
        product,
        os,
        transport: fields.word("transport", &words::TRANSPORTS, sink),
        roles_known: fields.all_known("roles", roles.len()) && !sink.unread(),
        roles,
        health: fields
            .get("health")
            .and_then(|value| Some(At { value: health(value, &fields.what, sink)?, span: value.span() })),
    })
}

fn cluster<'a>(value: &'a Spanned<DeValue<'a>>, sink: &mut Sink) -> Option<ClusterDraft> {
    let fields = Fields::open(value, "cluster", CLUSTER, sink)?;
    fields.need("kind", "\"pacemaker\"", sink);
    fields.need("nodes", "[\"n1\", \"n2\"]", sink);
    Some(ClusterDraft {
        name: name(&fields, "\"mail\"", sink),
        kind: fields.word("kind", &words::CLUSTER_KINDS, sink),
        nodes: ids(&fields, "nodes", sink),
        written: fields.written("nodes"),
        groups: fields
            .tables("group", "cluster.group", sink)
            .into_iter()
            .filter_map(|v| group(v, sink))
            .collect(),
    })
}

fn group<'a>(value: &'a Spanned<DeValue<'a>>, sink: &mut Sink) -> Option<GroupDraft> {
    let fields = Fields::open(value, "group", GROUP, sink)?;
    Some(GroupDraft {
        name: name(&fields, "\"mail\"", sink),
        preferred: ids(&fields, "preferred", sink),
        health: fields.get("health").and_then(|value| health(value, &fields.what, sink)),
    })
}

fn health<'a>(value: &'a Spanned<DeValue<'a>>, group: &str, sink: &mut Sink) -> Option<Health> {
    if let DeValue::String(_) = value.get_ref() {
        let help = "write it as health = { command = \"…\", timeout-seconds = 10 }";
        sink.say(wrong_type(value, &format!("`health` of {group}"), "a table of keys and values", help));
        return None;
    }
    let fields = Fields::open(value, &format!("`health` of {group}"), HEALTH, sink)?;
    fields.need("command", "\"nc -z 10.0.0.20 25\"", sink);
    let timeout = fields.integer("timeout-seconds", Health::TIMEOUT_SECONDS, sink);
    let command = fields.text("command", sink)?;
    if command.value.trim().is_empty() {
        let message = format!("the health command of {group} is empty");
        let help = "an empty command always succeeds and proves nothing: write one, or leave `health` out";
        sink.say(Mistake::new(Code::EmptyHealthCommand, message, help).at(&command.span, "empty"));
        return None;
    }
    Some(Health { command: command.value, timeout_seconds: timeout.unwrap_or(Health::TIMEOUT_SECONDS_USUAL) })
}

fn evidence<'a>(value: &'a Spanned<DeValue<'a>>, sink: &mut Sink) -> Option<EvidenceEntry> {
    let fields = Fields::open(value, "evidence", EVIDENCE, sink)?;
    fields.need("kind", "\"full-backup\"", sink);
    let kind = fields.word("kind", &words::EVIDENCE, sink);
    let at = fields.need("at", "\"2026-11-22T01:00:00+09:00\"", sink).and_then(|value| time(value, sink));
    let help = "evidence counts only with the name of a person or system that vouches for it: by = \"…\"";
    let by = fields.said("by", Code::EvidenceWithoutName, help, sink);
    Some(EvidenceEntry { kind: kind?.value, at: at?, by: by? })
}

/// A time: RFC 3339 in quotes, or TOML's own date and time with an offset.
fn time(value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Millis> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        _ => {
            let help = "such as at = \"2026-11-22T01:00:00+09:00\"";
            sink.say(wrong_type(value, "`at` of evidence", "a time", help));
            return None;
        }
    };
    let millis = Timestamp::from_str(&text).ok().and_then(|time| u64::try_from(time.as_millisecond()).ok());
    if millis.is_none() {
        let message = format!("{} is no time with date and offset", hint::quoted(&text));
        let help = "write date, time and offset as RFC 3339 does: 2026-11-22T01:00:00+09:00, or …Z for UTC";
        sink.say(Mistake::new(Code::InvalidTime, message, help).at(&value.span(), "can't be read as a time"));
    }
    millis.map(Millis)
}

fn media<'a>(value: &'a Spanned<DeValue<'a>>, sink: &mut Sink) -> Option<MediaEntry> {
    let fields = Fields::open(value, "media", MEDIA, sink)?;
    let release =
        fields.need("release", "\"exchange-2003-sp2\"", sink).and_then(|_| fields.text("release", sink));
    let release = release.and_then(|text| id::<ReleaseId>(&text, sink));
    let path = fields
        .need("path", "'D:\\SP2\\setup\\i386\\update.exe'", sink)
        .and_then(|_| fields.line("path", sink));
    let help = "compute it where the file came from: `sha256sum FILE`, or `certutil -hashfile FILE SHA256`";
    if fields.get("sha256").is_none() {
        fields.missing(Code::MissingKey, "sha256", help, sink);
    }
    let mut sha256 = fields.text("sha256", sink)?;
    sha256.value.make_ascii_lowercase();
    if sha256.value.len() != SHA256_DIGITS || !sha256.value.bytes().all(|b| b.is_ascii_hexdigit()) {
        let message = format!("{} is no SHA-256 digest", hint::quoted(&sha256.value));
        let help = format!("it has {SHA256_DIGITS} hexadecimal digits: {help}");
        sink.say(Mistake::new(Code::InvalidDigest, message, help).at(&sha256.span, "no digest"));
        return None;
    }
    Some(MediaEntry { release: release?.value, path: path?.value, sha256: sha256.value })
}

/// 32 bytes in hexadecimal.
const SHA256_DIGITS: usize = 64;

fn rehearsal<'a>(value: &'a Spanned<DeValue<'a>>, draft: &mut Draft, sink: &mut Sink) {
    let Some(fields) = Fields::open(value, "rehearsal", REHEARSAL, sink) else { return };
    for (key, value) in names(&fields, "nodes", sink) {
        let id = id(&key, sink);
        let Some(fields) = Fields::open(value, "a node of the rehearsal", REHEARSAL_NODE, sink) else {
            continue;
        };
        let node = RehearsalNode {
            installed: fields.line("installed", sink).map(|text| text.value),
            asks_for_restart: fields.boolean("asks-for-restart", sink).unwrap_or(false),
            out_of_pool: fields.boolean("out-of-pool", sink).unwrap_or(false),
            hotfixes: fields.lines("hotfixes", sink).into_iter().map(|text| text.value).collect(),
            services: fields.lines("services", sink).into_iter().map(|text| text.value).collect(),
        };
        draft.rehearsal_nodes.extend(id.map(|id| (id, node)));
    }
    for (key, value) in names(&fields, "groups", sink) {
        let group = id(&key, sink);
        let Some(fields) = Fields::open(value, "a group of the rehearsal", REHEARSAL_GROUP, sink) else {
            continue;
        };
        let owner: Option<At<ServerId>> = fields.text("owner", sink).and_then(|text| id(&text, sink));
        let version = fields.line("version", sink).map(|text| text.value);
        let storage_groups = fields.integer("storage-groups", 1..=4, sink);
        let owned = owner.as_ref().map(|owner| owner.value.clone());
        let start = RehearsalGroup { owner: owned, version, storage_groups };
        draft.rehearsal_groups.extend(group.map(|group| (group, owner, start)));
    }
}

/// The entries of a table whose keys are names.
fn names<'a>(fields: &Fields<'a>, key: &str, sink: &mut Sink) -> Vec<(At<String>, &'a Spanned<DeValue<'a>>)> {
    let Some(value) = fields.get(key) else { return Vec::new() };
    let DeValue::Table(table) = value.get_ref() else {
        let help = format!("begin each with a line [rehearsal.{key}.NAME]");
        sink.say(wrong_type(value, &format!("`{key}` of rehearsal"), "a table by name", &help));
        return Vec::new();
    };
    table
        .iter()
        .map(|(key, value)| (At { value: key.get_ref().to_string(), span: key.span() }, value))
        .collect()
}

/// The `name` of a table, as an id.
pub(super) fn name<T: FromStr<Err = InvalidId>>(
    fields: &Fields<'_>,
    example: &str,
    sink: &mut Sink,
) -> Option<At<T>> {
    fields.need("name", example, sink)?;
    fields.text("name", sink).and_then(|text| id(&text, sink))
}

/// A list of ids; what can't be one is said and left out.
pub(super) fn ids<T: FromStr<Err = InvalidId>>(
    fields: &Fields<'_>,
    key: &str,
    sink: &mut Sink,
) -> Vec<At<T>> {
    let what = format!("an entry of `{key}` of {}", fields.what);
    let values = fields.array(key, sink).into_iter();
    values.filter_map(|value| string(value, &what, sink).and_then(|text| id(&text, sink))).collect()
}

fn id<T: FromStr<Err = InvalidId>>(text: &At<String>, sink: &mut Sink) -> Option<At<T>> {
    match text.value.parse() {
        Ok(value) => Some(At { value, span: text.span.clone() }),
        Err(InvalidId { name, why }) => {
            let message = format!("{} can't be a name: {why}", hint::quoted(&name));
            let help = "a name has 1 to 128 bytes, no control characters, and no blanks at its ends";
            sink.say(Mistake::new(Code::InvalidName, message, help).at(&text.span, why));
            None
        }
    }
}

fn address(text: At<String>, sink: &mut Sink) -> Option<At<Address>> {
    match text.value.parse() {
        Ok(value) => Some(At { value, span: text.span }),
        Err(why) => {
            let message = format!("{} can't be an address: {why}", hint::quoted(&text.value));
            let help = "write a host name or IP address, with the port behind a colon where it isn't the usual one; \
                        the account goes into `user`";
            sink.say(Mistake::new(Code::InvalidAddress, message, help).at(&text.span, "no address"));
            None
        }
    }
}

fn user(text: At<String>, sink: &mut Sink) -> Option<String> {
    if text.value.starts_with('-') || text.value.contains(char::is_whitespace) {
        let message = format!("{} can't be an account", hint::quoted(&text.value));
        let help = "an account has no blanks and doesn't begin with a hyphen: user = \"root\"";
        sink.say(Mistake::new(Code::InvalidText, message, help).at(&text.span, "no account"));
        return None;
    }
    Some(text.value)
}
