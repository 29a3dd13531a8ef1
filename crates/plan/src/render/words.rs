//! One way to say each thing: durations, times, lists, actors, what a step is for and what may be done when it fails.

use kaketsugi_estate::{ClusterKind, Environment, EvidenceKind, Home, Millis, RestartPolicy, TransportKind};

use crate::{Action, Actor, Condition, Phase, Plan, ReasonKind, Recovery, Target};

/// A duration for people: `45 s`, `2 min`, `2 min 30 s`, `1 h 5 min`. From ten minutes on, seconds are left out.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match (minutes, rest) {
        (0, _) => format!("{seconds} s"),
        (1..10, 1..) => format!("{minutes} min {rest} s"),
        _ => {
            let minutes = minutes + u64::from(minutes >= 10 && rest >= 30);
            match (minutes / 60, minutes % 60) {
                (0, _) => format!("{minutes} min"),
                (hours, 0) => format!("{hours} h"),
                (hours, minutes) => format!("{hours} h {minutes} min"),
            }
        }
    }
}

/// A time as RFC 3339 in UTC, to the second.
#[must_use]
pub fn utc(at: Millis) -> String {
    let millis = i64::try_from(at.0).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    match millis {
        Some(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        None => "a time behind the year 9999".into(),
    }
}

/// `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn and<S: AsRef<str>>(words: &[S]) -> String {
    joined(words, "and")
}

/// `a`, `a or b`, `a, b or c`.
#[must_use]
pub fn or<S: AsRef<str>>(words: &[S]) -> String {
    joined(words, "or")
}

fn joined<S: AsRef<str>>(words: &[S], last_word: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {last_word} {}", first.join(", "), last.as_ref())
        }
    }
}

/// Numbers of steps, rows of them drawn together: `step 4`, `steps 2, 5 and 9–12`.
#[must_use]
pub fn steps(numbers: &[usize]) -> String {
    let mut rows: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match rows.last_mut() {
            Some((_, to)) if *to + 1 == number => *to = number,
            _ => rows.push((number, number)),
        }
    }
    let words: Vec<String> = rows
        .iter()
        .flat_map(|&(from, to)| match to - from {
            0 => vec![from.to_string()],
            1 => vec![from.to_string(), to.to_string()],
            _ => vec![format!("{from}–{to}")],
        })
        .collect();
    format!("{} {}", if numbers.len() == 1 { "step" } else { "steps" }, and(&words))
}

/// `1 step`, `2 steps`.
#[must_use]
pub fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// How often: `once`, `twice`, `3 times`.
#[must_use]
pub fn times(number: usize) -> String {
    match number {
        1 => "once".into(),
        2 => "twice".into(),
        _ => format!("{number} times"),
    }
}

/// Who acts.
#[must_use]
pub fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::Machine => "machine",
        Actor::Operator => "person",
    }
}

/// What a group is called in this kind of cluster, at the beginning of a heading.
#[must_use]
pub fn group(kind: Option<ClusterKind>) -> &'static str {
    match kind {
        Some(ClusterKind::Windows) => "Virtual server",
        Some(ClusterKind::StandAlone) => "Server",
        Some(ClusterKind::Pacemaker) | None => "Group",
    }
}

/// What the cluster software is called.
#[must_use]
pub fn cluster_kind(kind: ClusterKind) -> &'static str {
    match kind {
        ClusterKind::Pacemaker => "Pacemaker",
        ClusterKind::Windows => "Windows cluster",
        ClusterKind::StandAlone => "stand-alone",
    }
}

/// How a server is reached, and so who sees what is seen of it.
#[must_use]
pub fn seen_by(transport: TransportKind) -> &'static str {
    match transport {
        TransportKind::Ssh => "probed over ssh",
        TransportKind::Local => "probed on this machine",
        TransportKind::Operator => "seen in answers that a person carried from there",
    }
}

/// What evidence is of.
#[must_use]
pub fn evidence(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::FullBackup => "full backup of databases and system states",
        EvidenceKind::ReleaseNotesRead => "release notes read",
        EvidenceKind::TriedInTest => "release tried in a test environment",
        EvidenceKind::ProtectionOff => "antivirus and unneeded services ended",
        EvidenceKind::BackupAfter => "full backup after the service pack",
        EvidenceKind::ConnectorMapsSaved => "schema maps of the Active Directory Connector saved",
        EvidenceKind::ConnectorUpgraded => "Active Directory Connector upgraded by its own set-up",
        EvidenceKind::ExtrasUpdated => "components updated that the service pack leaves alone",
    }
}

/// What the estate is for.
#[must_use]
pub fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "production",
        Environment::Test => "test",
    }
}

/// When nodes are restarted.
#[must_use]
pub fn restart(policy: RestartPolicy) -> &'static str {
    match policy {
        RestartPolicy::IfAsked => "a node is restarted only when the installer or the system asks for it",
        RestartPolicy::Always => "every node is restarted after its install",
        RestartPolicy::Never => "no node is restarted; a restart that is asked for stays owed",
    }
}

/// Where groups are at the end.
#[must_use]
pub fn home(home: Home) -> &'static str {
    match home {
        Home::Stay => "at the end groups are where the last planned move left them",
        Home::Preferred => "at the end groups are on the owner that they prefer",
        Home::Return => "at the end groups are where they were at the beginning",
    }
}

/// What a step of this kind is for, in a sentence.
#[must_use]
pub fn purpose(plan: &Plan, action: &Action) -> &'static str {
    match action {
        Action::Drain { node, .. } if plan.estate.pool_of(node).is_some() => {
            "Nobody is sent to a server whose installer is at work."
        }
        Action::Readmit { node, .. } if plan.estate.pool_of(node).is_some() => {
            "The server is upgraded and can serve its users again."
        }
        Action::Attest { .. } => "Only a person can vouch for this.",
        Action::Stage { .. } => "Nothing is begun anywhere for files that are missing or damaged.",
        Action::Quiet { .. } => "Nothing may move, start or update by itself while the run is at work.",
        Action::Pause { .. } => {
            "Once a new version has opened a group's data, no fail-over may bring them to an old one."
        }
        Action::Drain { .. } => "Nothing is installed on a node that carries a group.",
        Action::Readmit { .. } => "The node is patched and can carry groups again.",
        Action::Move { proof: true, .. } => "That a group can fail over is only known once it did.",
        Action::Move { proof: false, .. } => "The next step needs the group there, or its old node empty.",
        Action::TakeOffline { .. } => {
            "The virtual server goes to the patched node offline, with only what the upgrade needs."
        }
        Action::UpgradeGroup { .. } => {
            "The virtual server's directory object has to follow its program files."
        }
        Action::BringOnline { .. } => "Users are served again.",
        Action::StopService { .. } => "The node leaves its cluster in good order before it is worked on.",
        Action::StartService { .. } => "The node must be a member again before anything can go there.",
        Action::Install { .. } => "This is what the run is for.",
        Action::Optimize { .. } => "Each service pack brings a new optimizer, and new things for it to set.",
        Action::Restart { .. } => "What was installed takes effect only when the node starts anew.",
        Action::Soak { .. } => {
            "What is wrong with the release should show here, while an unpatched node is left."
        }
        Action::PutBack { .. } => "At the end nothing is changed but what was asked for.",
        Action::Verify { target: Target::Cluster(_) | Target::Estate } => {
            "The end state is looked at as a whole."
        }
        Action::Verify { target: Target::Node(_) | Target::Group(..) } => {
            "The end state is looked at, not inferred."
        }
    }
}

/// What may be done when a step failed or its end isn't known. The run has stopped by then.
#[must_use]
pub fn recovery(recovery: Recovery) -> &'static str {
    match recovery {
        Recovery::Redo => "it can be done again and does no harm twice",
        Recovery::Undo => "what was done is taken back before it is done again",
        Recovery::ForwardOnly => "what was begun can only be completed, not taken back",
        Recovery::Ask => "a person decides before it is tried again; the machine never does so by itself",
    }
}

/// What a step does to the users of a group.
#[must_use]
pub fn phase(group: &str, phase: Phase, seconds: u32) -> String {
    let about = duration(u64::from(seconds));
    match phase {
        Phase::Whole => format!("users of {group} are cut off for about {about}"),
        Phase::Begins => format!("users of {group} are cut off from here on"),
        Phase::LastsOn => format!("users of {group} are still cut off"),
        Phase::Ends => format!("users of {group} are served again at the end of this step"),
    }
}

/// Why a server has its place; `last`: no other one is left when its turn comes.
#[must_use]
pub fn reason(kind: &ReasonKind, last: bool) -> String {
    let names = |groups: &[kaketsugi_estate::GroupId]| {
        and(&groups.iter().map(kaketsugi_estate::GroupId::as_str).collect::<Vec<_>>())
    };
    match kind {
        ReasonKind::CarriesNothing => "It carries nothing when its turn comes, so users don't notice.".into(),
        ReasonKind::HalfDone => {
            "The release is there by half: it is completed as early as the order allows.".into()
        }
        ReasonKind::FewestGroups { groups } if last => {
            format!("It carries {}, and is the last that is left.", names(groups))
        }
        ReasonKind::FewestGroups { groups } => {
            format!("Of the servers that are left it carries the fewest groups: {}.", names(groups))
        }
        ReasonKind::ActiveFirst { groups } => format!(
            "It carries {}, which stays there while set-up works: the active node comes first.",
            names(groups)
        ),
        ReasonKind::StandardOnCluster => {
            "It has the Standard Edition, which is not made for clusters: KB 328839 speaks of \
             clusters of the Enterprise Edition alone, and a set-up may refuse it (ALL-SCOPE)."
                .into()
        }
        ReasonKind::AlreadyInstalled => "The release is there already: nothing is installed.".into(),
        ReasonKind::OneAtATime { after } => format!("It waits for {after}: only one node is out at a time."),
        ReasonKind::NeedsPatchedNode { node } => {
            format!("Its groups may only go to a patched node, and {node} is the first.")
        }
        ReasonKind::StandsAlone => {
            "It stands alone: its users are cut off while the installer is at work.".into()
        }
        ReasonKind::FrontEnd => {
            "It is a front-end server: those come before the first back-end server.".into()
        }
        ReasonKind::PoolTogether { pool } => format!(
            "It is balanced in {pool}: its servers are taken out, each is upgraded, and only then are they brought back."
        ),
        ReasonKind::PoolOneByOne { pool } => {
            format!("It is balanced in {pool}, whose other servers serve its users meanwhile.")
        }
        ReasonKind::StaysOut { pool } => format!(
            "It was found out of {pool} and stays so: nobody but you knows why. Bring it in once this plan is through."
        ),
        ReasonKind::PoolWasOut { pool } => {
            format!("No server of {pool} was found in it, so its users are cut off: this one is brought in.")
        }
        ReasonKind::AfterFrontEnds { servers } => {
            let servers: Vec<&str> = servers.iter().map(kaketsugi_estate::ServerId::as_str).collect();
            let verb = if servers.len() == 1 { "is" } else { "are" };
            format!("It waits until {}, which {verb} in front of it, {verb} done.", and(&servers))
        }
        ReasonKind::StaysInStandby => "It was found in standby and stays so.".into(),
    }
}

/// Conditions as a list; groups that have to serve their users share a line.
#[must_use]
pub fn conditions<'a>(conditions: impl IntoIterator<Item = &'a Condition>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut healthy: Vec<&str> = Vec::new();
    let mut place = None;
    for condition in conditions {
        if let Condition::Healthy { group, .. } = condition {
            place.get_or_insert(words.len());
            healthy.push(group.as_str());
        } else {
            words.push(condition.to_string());
        }
    }
    if let Some(place) = place {
        let verb = if healthy.len() == 1 { "serves its" } else { "serve their" };
        words.insert(place, format!("{} {verb} users", and(&healthy)));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_exact_as_people_need() {
        let said: Vec<String> =
            [0, 30, 60, 90, 599, 600, 629, 630, 3600, 3599, 3930, 7200].map(duration).to_vec();
        let expected = [
            "0 s",
            "30 s",
            "1 min",
            "1 min 30 s",
            "9 min 59 s",
            "10 min",
            "10 min",
            "11 min",
            "1 h",
            "1 h",
            "1 h 6 min",
            "2 h",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(utc(Millis(1_000_000_000_999)), "2001-09-09T01:46:40Z");
        assert_eq!(utc(Millis(u64::MAX)), "a time behind the year 9999");
    }

    #[test]
    fn numbers_are_drawn_together() {
        assert_eq!(steps(&[4]), "step 4");
        assert_eq!(steps(&[1, 2, 5, 7, 8, 9, 10]), "steps 1, 2, 5 and 7–10");
        assert_eq!(steps(&[7, 8, 9]), "steps 7–9");
    }
}
