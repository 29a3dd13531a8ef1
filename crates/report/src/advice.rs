//! What to do about a condition that doesn't hold.

use kaketsugi_plan::{Answer, Condition};

/// A condition that doesn't hold, in words.
pub(crate) fn unmet(condition: &Condition, answer: Answer) -> String {
    match answer {
        Answer::Unknown => format!("could not be learned: {condition}"),
        Answer::No | Answer::Yes => format!("does not hold: {condition}"),
    }
}

/// Whether it is evidence that was there and has grown too old.
pub(crate) fn outdated(condition: &Condition, answer: Answer) -> bool {
    matches!(condition, Condition::Evidence { age_max_seconds: Some(_), .. }) && answer == Answer::No
}

/// What to look at or to do so that it holds.
pub(crate) fn advice(condition: &Condition, answer: Answer) -> String {
    match condition {
        Condition::Reached { node } => {
            format!("See why {node} does not answer: power, network, its SSH server, its host key.")
        }
        Condition::NodeState { cluster, node, .. } => {
            format!("Look how cluster {cluster} sees {node}, and why.")
        }
        Condition::NodeEmpty { cluster, node } => {
            format!("See which group is on {node}, and why cluster {cluster} put or kept it there.")
        }
        Condition::Service { node, running: true } => {
            format!("See why the cluster service on {node} does not run: its log says what it waits for.")
        }
        Condition::Service { node, running: false } => {
            format!(
                "See why the cluster service on {node} does not stop. Do not kill it while it carries a group."
            )
        }
        Condition::QuorumWithout { cluster, .. } | Condition::OthersOnline { cluster, .. } => {
            format!(
                "Bring the other nodes of cluster {cluster} back first: only one node may be out at a time."
            )
        }
        Condition::Owner { cluster, group, node } => {
            format!(
                "{group} is not on {node} as planned. If somebody moved it, make a new plan from where it is; if cluster {cluster} did, find out why."
            )
        }
        Condition::Group { group, .. } | Condition::GroupAsBefore { group, .. } => {
            format!(
                "See which resource of {group} is not as it was, and why; the cluster's log names the failed action."
            )
        }
        Condition::Healthy { group, .. } => {
            format!(
                "See whether users of {group} are served: its health command says no, or the group is not online."
            )
        }
        Condition::OnlyKeptOnline { group, .. } => {
            format!(
                "In {group} take offline what is online beside IP address, disks and network name, or have it brought online; not by halves."
            )
        }
        Condition::KindOnline { cluster, kind } => {
            format!("Bring the {kind} resource of cluster {cluster} online.")
        }
        Condition::GroupVersion { group, .. } => {
            format!(
                "Look whether {group} was upgraded: its version in the directory is another one. Replication between domain controllers may be late."
            )
        }
        Condition::Installed { node, release } => {
            format!("Look at the installer's log on {node}: {release} is not whole there.")
        }
        Condition::Optimized { node } => {
            format!(
                "Run the Performance Optimizer on {node} to its end: its log is older than that of set-up."
            )
        }
        Condition::Staged { node, release } => {
            format!(
                "See why the files of {release} are not whole on {node}: a full disk, or a digest that differs."
            )
        }
        Condition::NoInstaller { node } => {
            format!(
                "Wait until the other installer on {node} has ended, or end what started it. Do not kill an installer."
            )
        }
        Condition::RestartPending { node } => {
            format!("See why {node} does not say whether it asks for a restart.")
        }
        Condition::Restarted { node } => {
            format!(
                "{node} has not started anew: look at its console. If it hangs, it is for you to decide on its power."
            )
        }
        Condition::IsQuiet { node } => {
            format!("See which timer, service or failback on {node} is active again, and who turned it on.")
        }
        Condition::PutBack { node } => {
            format!("See which setting of {node} is not as it was captured; the report lists them.")
        }
        Condition::NoTrouble { cluster } => {
            format!(
                "Look at what cluster {cluster} complains of (failed actions, fencing). Clear it only when its cause is found."
            )
        }
        Condition::ConfigurationAsBefore { cluster } => {
            format!(
                "Somebody or something changed the configuration of cluster {cluster} during the run: compare it with what you know."
            )
        }
        Condition::Evidence { age_max_seconds: Some(_), .. } if answer == Answer::No => {
            "What was attested has grown too old, or is not there. It has to be done anew.".into()
        }
        Condition::Evidence { .. } => "Somebody has to do and attest this first.".into(),
    }
}
