//! What is installed: packages by node, or files, with their digests.

use std::collections::BTreeMap;

use kaketsugi_estate::ServerId;

use super::page::{Line, Page};
use super::words;
use crate::{Content, Media, Package, Payload, Plan};

/// How much of a digest is shown: enough to compare by eye; the whole one is in the plan that the hash covers.
const DIGEST_SHOWN: usize = 12;

/// The chapter.
pub(super) fn contents(page: &mut Page, plan: &Plan) {
    page.heading("What is installed");
    let everywhere = |payload: &Payload| plan.estate.servers.keys().all(|s| there(plan, payload, s));
    let (done, due): (Vec<&Payload>, Vec<&Payload>) = plan.payload.first.iter().partition(|p| everywhere(p));
    for payload in done {
        page.text(
            Line::from("Needed first, and there on every server: ")
                .code(payload.id.as_str())
                .then(format!(", {}.", payload.title)),
        );
    }
    for payload in &due {
        page.part(format!("First: {}", payload.title));
        one(page, plan, payload);
    }
    if !due.is_empty() {
        page.part(format!("Then: {}", plan.payload.title));
    }
    one(page, plan, &plan.payload);
}

/// Whether a release is on a server already.
fn there(plan: &Plan, payload: &Payload, server: &ServerId) -> bool {
    plan.snapshot.servers.get(server).is_some_and(|seen| seen.has(&payload.id))
}

fn one(page: &mut Page, plan: &Plan, payload: &Payload) {
    match &payload.content {
        Content::Packages(by_node) => packages(page, plan, by_node),
        Content::Media(media) => files(page, plan, payload, media),
    }
}

/// Nodes with the same packages share a table.
fn packages(page: &mut Page, plan: &Plan, by_node: &BTreeMap<ServerId, Vec<Package>>) {
    let mut lists: Vec<(&Vec<Package>, Vec<&str>)> = Vec::new();
    for (node, list) in by_node {
        match lists.iter_mut().find(|(known, _)| *known == list) {
            Some((_, nodes)) => nodes.push(node.as_str()),
            None => lists.push((list, vec![node.as_str()])),
        }
    }
    for (list, nodes) in lists {
        let bytes: u64 = list.iter().map(|p| p.size_bytes).sum();
        let count = words::count(list.len(), "package", "packages");
        page.text(
            Line::from("On ")
                .codes(nodes)
                .then(format!(": {count}, {} to bring onto each node.", size(bytes))),
        );
        let rows = list.iter().map(|package| {
            let from = match &package.from {
                Some(from) => Line::default().code(from.as_str()),
                None => "new".into(),
            };
            vec![
                Line::default().code(format!("{}:{}", package.name, package.architecture)),
                from.then(" → ").code(package.version.as_str()),
                digest(&package.sha256),
                package.origin.as_str().into(),
            ]
        });
        page.table(&["Package", "Version", "SHA-256", "Origin"], rows.collect());
    }
    let without = plan.estate.servers.keys().filter(|s| !by_node.contains_key(*s));
    let without: Vec<&str> = without.map(ServerId::as_str).collect();
    if !without.is_empty() {
        page.text(Line::from("Nothing on ").codes(without).then("."));
    }
}

fn files(page: &mut Page, plan: &Plan, payload: &Payload, media: &[Media]) {
    let version = |server: &ServerId| plan.snapshot.servers.get(server).and_then(|s| s.version.as_deref());
    let mut rows = Vec::new();
    for server in plan.estate.servers.keys() {
        let now = version(server).unwrap_or("not known");
        let then = match (&payload.to_build, there(plan, payload, server)) {
            (_, true) => "there already".to_owned(),
            (Some(build), false) => format!("{now} → {build}"),
            (None, false) => format!("{now}; the release does not change it"),
        };
        rows.push(vec![Line::default().code(server.as_str()), then.into()]);
    }
    page.table(&["Server", "Build"], rows);
    if payload.group_upgrade
        && let Some(build) = &payload.to_build
    {
        let groups = plan.snapshot.clusters.values().flat_map(|c| &c.groups).filter_map(|(id, group)| {
            let now = group.version.as_deref()?;
            Some(vec![Line::default().code(id.as_str()), format!("{now} → {build}").into()])
        });
        let what = if plan.estate.servers.keys().all(|id| plan.estate.stands_alone(id)) {
            "Server"
        } else {
            "Virtual server"
        };
        page.table(&[what, "Build in the directory"], groups.collect());
    }
    if media.is_empty() {
        page.text(Line::default().strong("No file is named in the estate file. ").then(
            "Whoever installs brings the file along, and its digest is checked by nobody. To have it checked, add it \
             under media with its SHA-256 and plan again.",
        ));
        return;
    }
    let row = |file: &Media| vec![Line::default().code(file.path.as_str()), digest(&file.sha256)];
    page.table(&["File, as the nodes see it", "SHA-256"], media.iter().map(row).collect());
}

fn digest(sha256: &str) -> Line {
    match sha256.get(..DIGEST_SHOWN).filter(|_| sha256.len() > DIGEST_SHOWN) {
        Some(start) => Line::default().code(format!("{start}…")),
        None => Line::default().code(sha256),
    }
}

/// Bytes for people, in units of 1000 as archives count.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}
