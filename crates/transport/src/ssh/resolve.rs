//! From what the estate says and ssh_config says to how one host is reached.

use std::path::PathBuf;
use std::time::Duration;

use super::algorithms::Algorithms;
use super::config::Values;
use super::config_file::{self, Line, Owner, Refusal};
use super::known_hosts::Names;
use super::{Settings, Target};

/// How many jump hosts may stand one behind the other.
const JUMPS_MAX: usize = 8;

/// One hop, fully decided.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    /// How messages call it.
    pub(super) name: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) names: Names,
    /// Key files in the order to try.
    pub(super) identity_files: Vec<PathBuf>,
    /// Whether keys of the agent that no identity file names stay unused.
    pub(super) identities_only: bool,
    pub(super) agent: Option<PathBuf>,
    pub(super) known_hosts: Vec<PathBuf>,
    pub(super) connect_timeout: Duration,
    pub(super) alive_interval: Duration,
    pub(super) alive_count_max: usize,
    pub(super) family: Family,
    pub(super) algorithms: Algorithms,
    /// The hop before this one.
    pub(super) jump: Option<Box<Hop>>,
}

impl Hop {
    /// `host:port`, and by way of what.
    pub(super) fn address(&self) -> String {
        let brackets = self.host.contains(':');
        let address = if brackets {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        match &self.jump {
            Some(jump) => format!("{address} by way of {}", jump.address()),
            None => address,
        }
    }

    /// What tells two ways to log in to the same place apart; hosts with the same key share the connection to a jump host.
    pub(super) fn key(&self) -> String {
        let jump = self.jump.as_ref().map(|jump| jump.key()).unwrap_or_default();
        format!(
            "{}@{}:{} {:?} {:?} <{jump}>",
            self.user, self.host, self.port, self.identity_files, self.names
        )
    }
}

/// Which addresses may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Any,
    V4,
    V6,
}

/// The files, read once.
#[derive(Debug)]
pub(super) struct Files(Vec<Vec<Line>>);

impl Files {
    pub(super) fn read(settings: &Settings) -> Result<Self, Refusal> {
        let user = settings.config_files.iter().map(|file| (file, Owner::User));
        let system = settings.system_config_files.iter().map(|file| (file, Owner::System));
        let lines = user.chain(system).map(|(file, owner)| config_file::read(file, owner, &settings.home));
        Ok(Self(lines.collect::<Result<_, _>>()?))
    }
}

/// Decides how the target is reached.
pub(super) fn resolve(settings: &Settings, files: &Files, target: &Target) -> Result<Hop, Refusal> {
    let spec =
        Spec { name: &target.name, alias: &target.address, user: target.user.as_deref(), port: target.port };
    hop(settings, files, Some(target), spec, target.jump.as_deref(), 0)
}

struct Spec<'a> {
    name: &'a str,
    alias: &'a str,
    user: Option<&'a str>,
    port: Option<u16>,
}

/// `jumps`: the hops before this one as they were asked for, the nearest to the controller first; `None` leaves it to
/// ssh_config. As with OpenSSH, only the first of a chain can have a `ProxyJump` of its own.
fn hop(
    settings: &Settings,
    files: &Files,
    target: Option<&Target>,
    spec: Spec<'_>,
    jumps: Option<&[String]>,
    depth: usize,
) -> Result<Hop, Refusal> {
    if depth > JUMPS_MAX {
        return Err(Refusal {
            place: None,
            why: format!(
                "more than {JUMPS_MAX} jump hosts stand one behind the other, or they lead in a circle"
            ),
            remedy: "Correct ProxyJump in ssh_config; a `Host *` with ProxyJump has to leave the jump host out (`Host * !gate`)".to_owned(),
        });
    }
    let values = Values::of(spec.alias, &files.0)?;
    let number = |keyword: &str| -> Result<Option<u32>, Refusal> {
        match values.one(keyword) {
            None => Ok(None),
            Some((text, _)) if text.eq_ignore_ascii_case("none") => Ok(None),
            Some((text, place)) => text.parse().map(Some).map_err(|_| {
                Refusal::at(place, format!("`{keyword}` is no number: {text}"), "Write a number")
            }),
        }
    };
    let host = match values.one("hostname") {
        Some((pattern, place)) => expand(pattern, place, &[('h', spec.alias)])?,
        None => spec.alias.to_owned(),
    };
    let port = match (spec.port, number("port")?) {
        (Some(port), _) => port,
        (None, None) => 22,
        (None, Some(port)) => u16::try_from(port).ok().filter(|&port| port != 0).ok_or_else(|| {
            let place = values.one("port").map(|(_, place)| place.to_owned()).unwrap_or_default();
            Refusal::at(place, format!("there is no port {port}"), "Write one from 1 to 65535")
        })?,
    };
    let user = spec.user.or(values.one("user").map(|(user, _)| user)).unwrap_or(&settings.user).to_owned();
    let home = settings.home.to_string_lossy().into_owned();
    let port_text = port.to_string();
    let alias_key = target.and_then(|target| target.host_key_alias.as_deref());
    let alias_key = alias_key.or(values.one("hostkeyalias").map(|(alias, _)| alias));
    let tokens = [
        ('d', home.as_str()),
        ('h', host.as_str()),
        ('k', alias_key.unwrap_or(&host)),
        ('n', spec.alias),
        ('p', port_text.as_str()),
        ('r', user.as_str()),
        ('u', settings.user.as_str()),
    ];
    let path = |text: &str, place: &str| -> Result<PathBuf, Refusal> {
        let text = expand(text, place, &tokens)?;
        Ok(match text.strip_prefix("~/") {
            Some(rest) => settings.home.join(rest),
            None => PathBuf::from(text),
        })
    };
    let paths = |keyword: &str, default: &[PathBuf]| -> Result<Vec<PathBuf>, Refusal> {
        match values.get(keyword) {
            None => Ok(default.to_vec()),
            Some((arguments, _)) if arguments.iter().any(|file| file.eq_ignore_ascii_case("none")) => {
                Ok(Vec::new())
            }
            Some((arguments, place)) => arguments.iter().map(|file| path(file, place)).collect(),
        }
    };

    let identity_files = match target {
        Some(target) if !target.identity_files.is_empty() => target.identity_files.clone(),
        _ if values.identity_files.iter().any(|file| file.eq_ignore_ascii_case("none")) => Vec::new(),
        _ if !values.identity_files.is_empty() => {
            values.identity_files.iter().map(|file| path(file, "IdentityFile")).collect::<Result<_, _>>()?
        }
        _ => settings.identity_files_default(),
    };
    let identities_only = match target {
        // Who names a key in the estate means that key.
        Some(target) if !target.identity_files.is_empty() => true,
        _ => values.one("identitiesonly").is_some_and(|(word, _)| word.eq_ignore_ascii_case("yes")),
    };
    let agent = match values.one("identityagent") {
        None => settings.agent.clone(),
        Some((word, _)) if word.eq_ignore_ascii_case("none") => None,
        Some(("SSH_AUTH_SOCK", _)) => settings.agent.clone(),
        Some((word, place)) if word.starts_with('$') => {
            return Err(Refusal::at(
                place,
                format!("the variable {word} isn't looked up here"),
                "Write the path of the agent's socket, or SSH_AUTH_SOCK",
            ));
        }
        Some((word, place)) => Some(path(word, place)?),
    };
    let mut known_hosts = match target {
        Some(target) if !target.known_hosts.is_empty() => target.known_hosts.clone(),
        _ => paths("userknownhostsfile", &settings.known_hosts)?,
    };
    known_hosts.extend(paths("globalknownhostsfile", &settings.system_known_hosts)?);
    let family = match values.one("addressfamily").map(|(word, place)| (word.to_lowercase(), place)) {
        None => Family::Any,
        Some((word, place)) => match word.as_str() {
            "any" => Family::Any,
            "inet" => Family::V4,
            "inet6" => Family::V6,
            _ => {
                return Err(Refusal::at(
                    place,
                    format!("there is no address family `{word}`"),
                    "Write any, inet or inet6",
                ));
            }
        },
    };
    let seconds = |value: Option<u32>| value.map(|seconds| Duration::from_secs(seconds.into()));
    // 0 switches the keep-alive off, which isn't done here: a dead peer has to be noticed.
    let alive = seconds(number("serveraliveinterval")?.filter(|&seconds| seconds > 0));
    let alive_interval = alive.map_or(settings.alive_interval, |alive| alive.min(settings.alive_interval));
    let alive_count_max =
        number("serveralivecountmax")?.filter(|&count| count > 0).map(|count| count as usize);

    let jump = previous(settings, files, &values, jumps, depth)?;
    Ok(Hop {
        name: spec.name.to_owned(),
        names: Names::new(&host, port, alias_key),
        host,
        port,
        user,
        identity_files,
        identities_only,
        agent,
        known_hosts,
        connect_timeout: seconds(number("connecttimeout")?.filter(|&seconds| seconds > 0))
            .unwrap_or(settings.connect_timeout),
        alive_interval,
        alive_count_max: alive_count_max
            .map_or(settings.alive_count_max, |count| count.min(settings.alive_count_max)),
        family,
        algorithms: Algorithms::of(&values)?,
        jump: jump.map(Box::new),
    })
}

/// The hop before, if there is one.
fn previous(
    settings: &Settings,
    files: &Files,
    values: &Values,
    jumps: Option<&[String]>,
    depth: usize,
) -> Result<Option<Hop>, Refusal> {
    let (chain, place): (Vec<String>, &str) = match (jumps, values.one("proxyjump")) {
        (Some(jumps), _) => (jumps.to_vec(), "the estate file"),
        (None, Some((list, _))) if list.eq_ignore_ascii_case("none") => return Ok(None),
        (None, Some((list, place))) => (list.split(',').map(|jump| jump.trim().to_owned()).collect(), place),
        (None, None) => return Ok(None),
    };
    let Some((last, before)) = chain.split_last() else { return Ok(None) };
    let (user, alias, port) = jump_spec(last)
        .ok_or_else(|| Refusal::at(place, format!("`{last}` is no jump host"), "Write [user@]host[:port]"))?;
    let spec = Spec { name: alias, alias, user, port };
    let before = (!before.is_empty()).then_some(before);
    hop(settings, files, None, spec, before, depth + 1).map(Some)
}

/// `[user@]host[:port]`, also as `ssh://…`, with an IPv6 address in brackets.
fn jump_spec(text: &str) -> Option<(Option<&str>, &str, Option<u16>)> {
    let text = text.strip_prefix("ssh://").unwrap_or(text).trim_end_matches('/');
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, text),
    };
    let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return None,
        }
    } else {
        match rest.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            Some(_) => (rest, None),
            None => (rest, None),
        }
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|&port| port != 0)?),
        None => None,
    };
    (!host.is_empty() && user != Some("")).then_some((user, host, port))
}

/// Puts the values in for `%` tokens; one that isn't known is refused.
fn expand(text: &str, place: &str, tokens: &[(char, &str)]) -> Result<String, Refusal> {
    let mut expanded = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            expanded.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => expanded.push('%'),
            token => match tokens.iter().find(|(name, _)| Some(*name) == token) {
                Some((_, value)) => expanded.push_str(value),
                None => {
                    let token = token.map(String::from).unwrap_or_default();
                    return Err(Refusal::at(
                        place,
                        format!("`%{token}` isn't known here"),
                        "Write the value itself",
                    ));
                }
            },
        }
    }
    Ok(expanded)
}
