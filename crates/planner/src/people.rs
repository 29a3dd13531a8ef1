//! What people have to do or to say: notes read, tried in test, backups, antivirus.

use kaketsugi_estate::{Environment, EvidenceKind, Product, ServerId};
use kaketsugi_plan::{Action, Condition, Content, Payload};

use crate::board::Board;
use crate::sheet::{Draft, Sheet};
use crate::{Refused, order};

/// Evidence that must be there before the first install, with the longest age in seconds, and the rule that asks.
fn needed(board: &Board<'_>) -> Vec<(EvidenceKind, Option<u64>, &'static str)> {
    if !board.payload.product.is_exchange() {
        return Vec::new();
    }
    let mut needed = Vec::new();
    let policy = &board.estate.policy;
    if policy.environment == Environment::Production {
        needed.push((EvidenceKind::TriedInTest, None, "ALL-TEST-FIRST"));
    }
    if board.payload.service_pack || changes_store(board.payload) {
        needed.push((
            EvidenceKind::ReleaseNotesRead,
            None,
            rule(board, ["E03-RELEASE-NOTES", "E00-RELEASE-NOTES", "E55-RELEASE-NOTES"]),
        ));
        let age = u64::from(policy.backup_age_max_hours) * 3600;
        needed.push((
            EvidenceKind::FullBackup,
            Some(age),
            rule(board, ["E03-BACKUP", "E00-BACKUP", "E55-BACKUP"]),
        ));
        needed.push((EvidenceKind::ProtectionOff, None, "ALL-AV-OFF"));
    }
    if connectors(board).next().is_some() {
        let age = u64::from(policy.backup_age_max_hours) * 3600;
        needed.push((
            EvidenceKind::ConnectorMapsSaved,
            // They belong to the same backup.
            Some(age),
            rule(board, ["E03-ADC-MAPS", "E00-ADC-MAPS", "ALL-SCOPE"]),
        ));
        needed.push((
            EvidenceKind::ConnectorUpgraded,
            None,
            rule(board, ["E03-ADC", "E00-ADC", "ALL-SCOPE"]),
        ));
    }
    needed
}

/// The same rule stands in the section of each version.
fn rule(board: &Board<'_>, [of_2003, of_2000, of_55]: [&'static str; 3]) -> &'static str {
    match board.payload.product {
        Product::Exchange2000 => of_2000,
        Product::Exchange55 => of_55,
        Product::Exchange2003 | Product::Debian => of_2003,
    }
}

/// Servers with the Active Directory Connector, where a service pack leaves it as it is: set-up of Exchange fails on one
/// with an older connector (0xC103FD04), so that it comes first.
fn connectors<'a>(board: &Board<'a>) -> impl Iterator<Item = &'a ServerId> {
    let servers = board.snapshot.servers.iter().filter(|(_, seen)| seen.connector == Some(true));
    servers.map(|(id, _)| id).filter(|_| board.payload.service_pack)
}

/// Whether a release of the catalogue changes the store: then what is said of service packs holds for it, too.
fn changes_store(payload: &Payload) -> bool {
    kaketsugi_knowledge::releases().resolve(payload.id.as_str()).is_some_and(|release| release.changes_store)
}

/// Attestations before the first step, once for all servers; left out where the estate brings evidence that is young
/// enough.
pub(crate) fn before(sheet: &mut Sheet, boards: &mut [Board<'_>]) -> Result<(), Refused> {
    let Some(first) = boards.first() else { return Ok(()) };
    for (kind, age, rule) in needed(first) {
        let snapshot = boards.first().map(|board| board.snapshot);
        let fresh = snapshot.is_some_and(|snapshot| {
            let young = |at: u64, max: u64| snapshot.taken_at.0.saturating_sub(at) <= max * 1000;
            snapshot.evidence.iter().any(|e| e.kind == kind && age.is_none_or(|max| young(e.at.0, max)))
        });
        // A word of the connector's upgrade was about the release of its day.
        if !fresh || kind == EvidenceKind::ConnectorUpgraded {
            ask(sheet, boards, kind, rule)?;
        }
    }
    Ok(())
}

fn ask(sheet: &mut Sheet, boards: &mut [Board<'_>], kind: EvidenceKind, rule: &str) -> Result<(), Refused> {
    let mut draft = attest(kind, rule, &instruction(boards, kind));
    if kind == EvidenceKind::ConnectorMapsSaved {
        let warning = boards
            .first()
            .map(|board| self::rule(board, ["E03-ADC-LDAP-WARN", "E00-ADC-LDAP-WARN", "ALL-SCOPE"]));
        draft = draft.cites(&["KB255602", "KB260745"]).cites(warning.as_slice());
    }
    if kind == EvidenceKind::ConnectorUpgraded {
        let hours = boards.first().map(|board| board.estate.policy.backup_age_max_hours);
        draft = draft.cites(&["KB306505"]).requires([Condition::Evidence {
            kind: EvidenceKind::ConnectorMapsSaved,
            age_max_seconds: hours.map(|hours| u64::from(hours) * 3600),
        }]);
    }
    for board in boards {
        draft = draft.exposes(board.act(None)?);
    }
    sheet.write(draft);
    Ok(())
}

/// What an install of this release requires of people's work, and of front-end servers.
pub(crate) fn needed_for_install(board: &Board<'_>, node: &ServerId, payload: &Payload) -> Vec<Condition> {
    if payload.id != board.payload.id {
        return Vec::new();
    }
    let front_ends = order::front_ends_done(board, node);
    let evidence = needed(board)
        .into_iter()
        .map(|(kind, age_max_seconds, _)| Condition::Evidence { kind, age_max_seconds });
    front_ends.into_iter().chain(evidence).collect()
}

/// The full backup after a service pack: older online backups can't be restored any more (E03-BACKUP-AFTER).
pub(crate) fn after(sheet: &mut Sheet, boards: &mut [Board<'_>]) -> Result<(), Refused> {
    let Some(board) = boards.first() else { return Ok(()) };
    if board.payload.product.is_exchange() && (board.payload.service_pack || changes_store(board.payload)) {
        let of_extras = board.payload.product == Product::Exchange55 && board.payload.service_pack;
        let rule = rule(board, ["E03-BACKUP-AFTER", "E00-BACKUP-AFTER", "E55-BACKUP-AFTER"]);
        if of_extras {
            ask(sheet, boards, EvidenceKind::ExtrasUpdated, "E55-EXTRAS")?;
        }
        ask(sheet, boards, EvidenceKind::BackupAfter, rule)?;
    }
    Ok(())
}

fn attest(kind: EvidenceKind, rule: &str, instruction: &str) -> Draft {
    let also: &[&str] = match kind {
        EvidenceKind::ReleaseNotesRead => &["ALL-NOTES-AND-SECTION", "ALL-SCOPE"],
        _ => &[],
    };
    Draft::new(Action::Attest { evidence: kind }, title(kind))
        .by_person(instruction)
        .expects([Condition::Evidence { kind, age_max_seconds: None }])
        .cites(&[rule])
        .cites(also)
        .takes(600, 0)
}

fn title(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::FullBackup => "Full backup of all databases and system states",
        EvidenceKind::ReleaseNotesRead => "Read the release notes",
        EvidenceKind::TriedInTest => "Try the release in a test environment",
        EvidenceKind::ProtectionOff => "End antivirus and whatever else isn't needed",
        EvidenceKind::BackupAfter => "Full backup of all databases at the new version",
        EvidenceKind::ConnectorMapsSaved => "Save the schema maps of the Active Directory Connector",
        EvidenceKind::ConnectorUpgraded => "Upgrade the Active Directory Connector by its own set-up",
        EvidenceKind::ExtrasUpdated => "Update the components that the service pack leaves alone",
    }
}

fn instruction(boards: &[Board<'_>], kind: EvidenceKind) -> String {
    let release = boards.first().map_or("", |board| board.payload.title.as_str());
    let nodes: Vec<&str> =
        boards.iter().flat_map(|board| board.seen.nodes.keys()).map(|n| n.as_str()).collect();
    let nodes = nodes.join(", ");
    let language =
        boards.first().and_then(|board| language(board.payload)).unwrap_or_else(|| "LANGUAGE".into());
    let connectors: Vec<&str> =
        boards.first().into_iter().flat_map(connectors).map(|id| id.as_str()).collect();
    let connectors = connectors.join(", ");
    let folder = boards.first().and_then(|board| root(board.payload)).map_or_else(
        || r"ADC\I386 of the service pack's media".to_owned(),
        |root| format!(r"{root}\ADC\I386"),
    );
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
        EvidenceKind::ConnectorMapsSaved => format!(
            "The Active Directory Connector is installed on {connectors}. Save what the directory holds of its schema maps \
             (msExchServer1SchemaMap, msExchServer2SchemaMap): `kaketsugi maps ESTATE --out FILE` reads them over LDAP, \
             writes them to a file with a digest, and changes nothing. Keep the file with the backups. Change these \
             attributes with no tool: a wrong value there can cost a reinstallation of Exchange, of Windows, or of both."
        ),
        EvidenceKind::ConnectorUpgraded => format!(
            "{release} leaves the Active Directory Connector as it is. On {connectors}: if the connector was deployed with a \
             Local.map or Remote.map of your own, make the same changes to those of the service pack, in its folder \
             {folder}, before anything else. Then stop the service MSADC and close what may hold its files (KB 306505), \
             run setup.exe in that folder and follow it to the end. No switches are known for it. Set-up of Exchange \
             fails on a server with an older connector (0xC103FD04)."
        ),
        EvidenceKind::ExtrasUpdated => format!(
            "{release} leaves Mailbox Manager and the InterOrg replication tool as they are. Wherever on {nodes} one of \
             them is installed, update it from the service pack's media, {language} being the folder of its language: \
             Mailbox Manager by {language}\\SERVER\\SUPPORT\\MBMNGR\\SETUP\\I386\\SETUP.EXE, InterOrg by copying the \
             files of {language}\\SERVER\\SUPPORT\\EXCHSYNC over the old ones, with its documentation beside it. The \
             release notes say more, and what else has a set-up of its own. Where nothing of that is installed, say so."
        ),
        EvidenceKind::BackupAfter => format!(
            "Make a full backup of all Exchange databases of {nodes} now. Online backups from before {release} can't \
             be restored to these servers any more. Then start again what was stopped for the install."
        ),
    }
}

/// The folder of the release's language, where the estate file names the place of its set-up:
/// `...\JPN\SERVER\SETUP\I386\UPDATE.EXE`.
fn language(payload: &Payload) -> Option<String> {
    let Content::Media(media) = &payload.content else { return None };
    let folders = |path: &str| path.split(['\\', '/']).map(str::to_owned).collect::<Vec<_>>();
    media.iter().find_map(|file| {
        let folders = folders(&file.path);
        let server = folders.iter().position(|folder| folder.eq_ignore_ascii_case("server"))?;
        folders.get(server.checked_sub(1)?).cloned()
    })
}

/// Where a service pack's media lie, if the estate file names the place of its set-up: `...\setup\i386\update.exe`.
fn root(payload: &Payload) -> Option<String> {
    let Content::Media(media) = &payload.content else { return None };
    let lower = |path: &str| path.to_lowercase().replace('/', "\\");
    media.iter().find_map(|file| {
        let at = lower(&file.path).find(r"\setup\i386\")?;
        file.path.get(..at).map(str::to_owned)
    })
}
