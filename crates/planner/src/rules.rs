//! Which rows of the register a step on a cluster exists for, by product. What a row says is in the register; here it is
//! only said where it acts.

use kaketsugi_estate::{ClusterKind, GroupId, Product, Role, ServerId};
use kaketsugi_plan::Payload;

use crate::board::Board;
use crate::order;

/// Whether the rows about clusters of Exchange 2000 hold.
fn of_2000(board: &Board<'_>) -> bool {
    board.payload.product == Product::Exchange2000
}

/// The row that gives the order of nodes and groups in a cluster of Exchange 2000 or 5.5; none stands for all of 2003's. In
/// 2000, with a node that was found without virtual servers it is active/passive.
pub(crate) fn order(board: &Board<'_>) -> Option<&'static str> {
    let serving = board.service_groups();
    let active = |node: &ServerId| {
        let owned =
            |group: &GroupId| board.seen.groups.get(group).is_some_and(|g| g.owner.as_ref() == Some(node));
        serving.iter().any(owned)
    };
    match board.payload.product {
        Product::Exchange55 => Some("E55-CLU-ACTIVE-FIRST"),
        Product::Exchange2000 if board.seen.nodes.keys().all(active) => Some("E00-AA-CONSOLIDATE"),
        Product::Exchange2000 => Some("E00-AP-PASSIVE-FIRST"),
        Product::Exchange2003 | Product::Debian => None,
    }
}

/// Of an install on an emptied node.
pub(crate) fn install<'a>(board: &Board<'_>, payload: &'a Payload) -> Vec<&'a str> {
    let own = payload.id == board.payload.id;
    let mut rows: Vec<&str> = match (order(board), own) {
        (Some(order), true) => vec![order, "ALL-CLU-STOP", "ALL-ONE-INSTALLER"],
        (Some(_), false) => Vec::new(),
        (None, true) => vec!["E03-CLU-04-INSTALL", "E03-CLU-02-EMPTY", "ALL-CLU-STOP", "ALL-ONE-INSTALLER"],
        (None, false) => vec!["E03-CLU-IIS-FIX"],
    };
    if order(board).is_none() {
        // What the document says of nodes that come after the first one.
        rows.extend(match board.patched.len() {
            0 => None,
            1 => Some("E03-CLU-12-OTHER-NODE"),
            _ => Some("E03-CLU-13-REPEAT"),
        });
    }
    if own {
        rows.extend(order::front_end_rule(board));
        rows.push("ALL-CLU-STORE");
        rows.extend(payload.service_pack.then_some("ALL-NO-UNINSTALL"));
    }
    // The first of the two stages; the other one is the upgrade of each virtual server.
    rows.extend((own && payload.group_upgrade).then_some("E03-CLU-TWO-STAGES"));
    rows
}

/// Of an install where users are: on a server that stands alone, or on the active node of a cluster of Exchange 5.5.
pub(crate) fn install_in_place(board: &Board<'_>, node: &ServerId, payload: &Payload) -> Vec<&'static str> {
    if payload.of_system {
        return Vec::new();
    }
    let mut rows = match (board.payload.product, board.stands_alone()) {
        (Product::Exchange55, false) => vec!["E55-CLU-ACTIVE-FIRST", "E55-CLU-INTERRUPTION", "ALL-CLU-STORE"],
        (Product::Exchange55, true) => vec!["E55-ALONE"],
        (Product::Exchange2000, _) => vec!["E00-ALONE"],
        (Product::Exchange2003 | Product::Debian, _) => vec!["E03-ALONE"],
    };
    rows.extend(["ALL-SERVICES-STOP", "ALL-ONE-INSTALLER"]);
    rows.extend(order::front_end_rule(board));
    rows.extend(payload.service_pack.then_some("ALL-NO-UNINSTALL"));
    let roles = board.estate.servers.get(node).map(|server| server.roles.as_slice()).unwrap_or_default();
    if roles.contains(&Role::SmallBusinessServer) {
        rows.extend(match (board.payload.product, payload.service_pack) {
            (Product::Exchange55, _) => vec!["E55-SBS"],
            // What carries the whole of SBS 2000 to its own service pack is another set-up, which brings this one along.
            (Product::Exchange2000, true) => vec!["E00-SBS", "E00-SBS-SP1"],
            (Product::Exchange2000, false) => vec!["E00-SBS"],
            (Product::Exchange2003 | Product::Debian, _) => vec!["E03-SBS"],
        });
    }
    rows
}

/// Of the restart of a server that stands alone.
pub(crate) fn restart_alone(board: &Board<'_>, payload: &Payload) -> &'static [&'static str] {
    match (payload.of_system, board.payload.product) {
        (true, _) => &["KB831464"],
        (false, Product::Exchange2000) => &["E00-ALONE"],
        (false, _) => &["E03-ALONE-REBOOT"],
    }
}

/// Of a restart after an install; `last`: after the release itself, not after one that comes first.
pub(crate) fn restart(board: &Board<'_>, last: bool) -> &'static [&'static str] {
    match (order(board).is_some(), last) {
        _ if board.seen.kind != ClusterKind::Windows => &[],
        (true, _) => &["ALL-CLU-NO-REBOOT"],
        (false, true) => &["E03-CLU-05-REBOOT", "ALL-CLU-NO-REBOOT"],
        (false, false) => &["E03-CLU-IIS-FIX"],
    }
}

/// Of the stop of a node's cluster service.
pub(crate) fn stop(board: &Board<'_>) -> Vec<&'static str> {
    match (board.seen.kind, order(board)) {
        (ClusterKind::Windows, Some(_)) => {
            let hotfix = (of_2000(board) && !board.payload.service_pack).then_some("E00-AP-HOTFIX-STOP");
            ["ALL-CLU-STOP"].into_iter().chain(hotfix).collect()
        }
        (ClusterKind::Windows, None) => vec!["E03-CLU-03-STOP", "ALL-CLU-STOP", "E03-CLU-ONE-NODE"],
        _ => Vec::new(),
    }
}

/// Of the start of a node's cluster service.
pub(crate) fn start(board: &Board<'_>) -> Vec<&'static str> {
    match (board.seen.kind, order(board)) {
        (ClusterKind::Windows, Some(order)) => vec![order],
        (ClusterKind::Windows, None) => vec!["E03-CLU-07-START"],
        _ => Vec::new(),
    }
}

/// Of a move with what is online; `noticed` by users, or of a group that serves none.
pub(crate) fn move_online(
    board: &Board<'_>,
    group: &GroupId,
    to: &ServerId,
    noticed: bool,
    proof: bool,
) -> Vec<&'static str> {
    match (board.seen.kind, order(board)) {
        (ClusterKind::Windows, Some(order)) => {
            let mut rows = vec![order];
            rows.extend((!noticed).then_some("ALL-CLU-STOP"));
            rows.extend(upgrades_databases(board, group, to).then_some("E00-AP-STORE-UPGRADE"));
            rows
        }
        (ClusterKind::Windows, None) => match (proof, noticed) {
            (true, _) => vec!["E03-CLU-14-FAILOVER"],
            (false, true) => vec!["E03-CLU-01-MOVE", "E03-CLU-MOVE-EVS"],
            (false, false) => vec!["E03-CLU-02-EMPTY", "ALL-CLU-STOP"],
        },
        _ => vec!["CRM-RESOURCE"],
    }
}

/// Of a node that is paused, and let in again.
pub(crate) fn pause(board: &Board<'_>) -> &'static [&'static str] {
    match board.payload.product {
        Product::Exchange55 => &["E55-CLU-ACTIVE-FIRST", "CLUSAPI-PAUSE"],
        _ => &["E00-AP-STORE-UPGRADE", "CLUSAPI-PAUSE"],
    }
}

/// Whether a node's new store upgrades a group's databases when it comes there (E00-AP-STORE-UPGRADE).
pub(crate) fn upgrades_databases(board: &Board<'_>, group: &GroupId, to: &ServerId) -> bool {
    board.opens_for_good()
        && board.service_groups().contains(group)
        && board.patched.contains(to)
        && board.owner.get(group).is_none_or(|from| !board.patched.contains(from))
}

/// Of the looks at the end.
pub(crate) fn verify(board: &Board<'_>) -> &'static [&'static str] {
    match (board.seen.kind, board.payload.product) {
        (ClusterKind::Windows | ClusterKind::StandAlone, Product::Exchange2000) => &["E00-VERSION"],
        (ClusterKind::Windows, Product::Exchange2003) => &["E03-CLU-15-VERSION"],
        _ => &[],
    }
}

/// Of the finding that a group has nowhere to go.
pub(crate) fn nowhere(board: &Board<'_>) -> Vec<String> {
    match order(board) {
        Some(order) => vec![order.into()],
        None => vec!["E03-CLU-MOVE-EVS".into(), "E03-CLU-02-EMPTY".into()],
    }
}
