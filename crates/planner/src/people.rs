//! What people have to do or to say: notes read, tried in test, backups, antivirus.

use kaketsugi_estate::{ClusterKind, Environment, EvidenceKind};
use kaketsugi_plan::{Action, Condition, Payload};

use crate::Refused;
use crate::board::Board;
use crate::sheet::{Draft, Sheet};

/// Evidence that must be there before the first install, with the longest age in seconds, and the rule that asks.
fn needed(board: &Board<'_>) -> Vec<(EvidenceKind, Option<u64>, &'static str)> {
    if board.seen.kind != ClusterKind::Windows {
        return Vec::new();
    }
    let mut needed = Vec::new();
    let policy = &board.estate.policy;
    if policy.environment == Environment::Production {
        needed.push((EvidenceKind::TriedInTest, None, "ALL-TEST-FIRST"));
    }
    if board.payload.service_pack || changes_store(board.payload) {
        needed.push((EvidenceKind::ReleaseNotesRead, None, "E03-RELEASE-NOTES"));
        let age = u64::from(policy.backup_age_max_hours) * 3600;
        needed.push((EvidenceKind::FullBackup, Some(age), "E03-BACKUP"));
        needed.push((EvidenceKind::ProtectionOff, None, "ALL-AV-OFF"));
    }
    needed
}

/// Whether a release of the catalogue changes the store: then what is said of service packs holds for it, too.
fn changes_store(payload: &Payload) -> bool {
    kaketsugi_knowledge::releases().resolve(payload.id.as_str()).is_some_and(|release| release.changes_store)
}

/// Attestations before the first step; left out where the estate brings evidence that is young enough.
pub(crate) fn before(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    for (kind, age, rule) in needed(board) {
        let fresh = board.snapshot.evidence.iter().any(|e| {
            e.kind == kind
                && age.is_none_or(|max| board.snapshot.taken_at.0.saturating_sub(e.at.0) <= max * 1000)
        });
        if !fresh {
            let draft = attest(kind, rule, &instruction(board, kind));
            sheet.write(draft.exposes(board.act(None)?));
        }
    }
    Ok(())
}

/// What an install of this release requires of people's work.
pub(crate) fn needed_for_install(board: &Board<'_>, payload: &Payload) -> Vec<Condition> {
    if payload.id != board.payload.id {
        return Vec::new();
    }
    needed(board)
        .into_iter()
        .map(|(kind, age_max_seconds, _)| Condition::Evidence { kind, age_max_seconds })
        .collect()
}

/// The full backup after a service pack: older online backups can't be restored any more (E03-BACKUP-AFTER).
pub(crate) fn after(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    if board.seen.kind == ClusterKind::Windows && (board.payload.service_pack || changes_store(board.payload))
    {
        let kind = EvidenceKind::BackupAfter;
        let draft = attest(kind, "E03-BACKUP-AFTER", &instruction(board, kind));
        sheet.write(draft.exposes(board.act(None)?));
    }
    Ok(())
}

fn attest(kind: EvidenceKind, rule: &str, instruction: &str) -> Draft {
    Draft::new(Action::Attest { evidence: kind }, title(kind))
        .by_person(instruction)
        .expects([Condition::Evidence { kind, age_max_seconds: None }])
        .cites(&[rule])
        .takes(600, 0)
}

fn title(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::FullBackup => "Full backup of all databases and system states",
        EvidenceKind::ReleaseNotesRead => "Read the release notes",
        EvidenceKind::TriedInTest => "Try the release in a test environment",
        EvidenceKind::ProtectionOff => "End antivirus and whatever else isn't needed",
        EvidenceKind::BackupAfter => "Full backup of all databases at the new version",
    }
}

fn instruction(board: &Board<'_>, kind: EvidenceKind) -> String {
    let release = &board.payload.title;
    let nodes: Vec<&str> = board.seen.nodes.keys().map(|n| n.as_str()).collect();
    let nodes = nodes.join(", ");
    match kind {
        EvidenceKind::FullBackup => format!(
            "Make a full backup of all Exchange databases of {nodes}, and of the system state of these servers and of \
             the domain controllers of their domain. Look that the backups are complete. After {release} there is no \
             other way back."
        ),
        EvidenceKind::ReleaseNotesRead => {
            format!("Read the release notes of {release} and weigh what they change for this environment.")
        }
        EvidenceKind::TriedInTest => {
            format!(
                "Try {release} thoroughly in a test environment, and look at what it changes for your users."
            )
        }
        EvidenceKind::ProtectionOff => format!(
            "On {nodes}: end every antivirus program, file-level ones too, and stop what isn't needed: third-party \
             programs, backup services, SNMP, monitoring programs, Performance Monitor. Keep a list of what you \
             stopped, to start it again afterwards."
        ),
        EvidenceKind::BackupAfter => format!(
            "Make a full backup of all Exchange databases of {nodes} now. Online backups from before {release} can't \
             be restored to these servers any more. Then start again what was stopped for the install."
        ),
    }
}
