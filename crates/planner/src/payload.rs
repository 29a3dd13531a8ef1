//! A catalogue entry becomes what a plan freezes.

use kaketsugi_estate::{Estate, Os, Product};
use kaketsugi_knowledge::{ClusterServiceState, Force, Release, Restart, releases, rules};
use kaketsugi_plan::{Content, Media, Payload, RestartNeed, ServiceNeed};

/// Freezes a release of the catalogue for an estate: its media and the releases that come first on its nodes.
///
/// None when the release is for no product of ours.
#[must_use]
pub fn from_catalogue(release: &Release, estate: &Estate) -> Option<Payload> {
    let product = match release.product.as_str() {
        "exchange-2003" => Product::Exchange2003,
        "exchange-2000" => Product::Exchange2000,
        "exchange-5.5" => Product::Exchange55,
        // A fix of the operating system goes along with the product that needs it.
        "windows-2003" | "windows-2000" => Product::Exchange2003,
        _ => return None,
    };
    let of_system = release.product != product.as_str();
    let id = kaketsugi_estate::ReleaseId::new(release.id.as_str()).ok()?;
    let media: Vec<Media> = estate
        .media
        .iter()
        .filter(|m| m.release == id)
        .map(|m| Media { path: m.path.clone(), sha256: m.sha256.to_ascii_lowercase() })
        .collect();
    let first = release
        .prerequisites
        .iter()
        .filter(|p| estate.servers.values().any(|s| p.holds_on(os_name(s.os))))
        .filter_map(|p| from_catalogue(releases().get(p.release.as_str())?, estate))
        .collect();
    let allow = estate.policy.allow_unverified_commands;
    Some(Payload {
        id,
        title: release.title.clone(),
        product,
        service_pack: release.kind.is_service_pack(),
        one_way: release.one_way.is,
        group_upgrade: release.needs_group_upgrade(),
        service: match release.cluster_service() {
            ClusterServiceState::Stopped => ServiceNeed::Stopped,
            ClusterServiceState::Running => ServiceNeed::Running,
            ClusterServiceState::Either => ServiceNeed::Either,
        },
        restart: match release.restart {
            Restart::Never => RestartNeed::Never,
            Restart::IfAsked => RestartNeed::IfAsked,
            Restart::Always => RestartNeed::Always,
        },
        to_build: release.to_build.filter(|_| release.kind.is_service_pack()).map(|b| b.to_string()),
        command: release.installer.machine_command(allow).map(|c| c.template.to_owned()),
        instruction: instruction(release, &media),
        content: Content::Media(media),
        of_system,
        alike_in_pools: is_asked(release, estate, "E03-FE-TOGETHER"),
        in_place: release.cluster_service_on_active_node().is_some(),
        optimizer: release.product == "exchange-5.5" && is_asked(release, estate, "E55-PERFWIZ"),
        front_ends_first: ["E03-FE-FIRST", "E00-FE-FIRST"].iter().any(|rule| is_asked(release, estate, rule)),
        first,
        cites: release.references().map(|s| s.id.clone()).collect(),
    })
}

/// Whether a rule of the register is asked for a release: where it is required, and else unless somebody waived it.
fn is_asked(release: &Release, estate: &Estate, rule: &str) -> bool {
    match rules().get(rule).and_then(|rule| rule.force_for(release)) {
        Some(Force::Required) => true,
        Some(Force::Recommended) => estate.policy.waiver(rule).is_none(),
        None => false,
    }
}

/// What a person is told, with the installer as they find it: by its path where the estate file names it, else by its
/// place on the release's media.
fn instruction(release: &Release, media: &[Media]) -> String {
    let template = &release.installer.path;
    let place = match media.first() {
        Some(file) => file.path.clone(),
        None => {
            let path = template.trim_start_matches("{media}").trim_start_matches('\\');
            format!("{} of the release's media", path.replace("{lang}", "LANGUAGE"))
        }
    };
    release.installer.instruction.replace(template, &place)
}

fn os_name(os: Os) -> &'static str {
    match os {
        Os::Debian => "debian",
        Os::WindowsNt4 => "windows-nt4",
        Os::Windows2000 => "windows-2000",
        Os::Windows2003 => "windows-2003",
    }
}
