//! What happens on a server that stands alone: the installer is run where users are (E03-ALONE, E00-ALONE).

use kaketsugi_estate::{Product, ReleaseState, Role, ServerId};
use kaketsugi_plan::{Action, Condition, Payload, Recovery, RestartNeed};
use kaketsugi_world::Command;

use crate::board::Board;
use crate::sheet::{Draft, Sheet};
use crate::{Refused, nodes, order, people, pools};

/// Runs an installer; it stops the product's services for a while (ALL-SERVICES-STOP).
pub(crate) fn install(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    node: &ServerId,
    payload: &Payload,
) -> Result<(), Refused> {
    let mut requires = nodes::ready(node, payload);
    requires.extend(people::needed_for_install(board, node, payload));
    requires.extend(pools::needed_for_install(board, node));
    let seconds = board.profile.expected_seconds.install;
    let half_done = board.release_on(node) == Some(ReleaseState::Partial);
    let command = Command::Install {
        node: node.clone(),
        release: payload.id.clone(),
        restart_asked: true,
        // Whoever approves a plan that begins with a half-installed server agrees to its completion.
        agreed: half_done,
    };
    let interrupts = board.interruptions(&command, seconds);
    let exposes = board.act(Some(&command))?;
    let mut draft = Draft::new(
        Action::Install { node: node.clone(), release: payload.id.clone() },
        format!("Install {} on {node}", payload.title),
    )
    .requires(requires)
    .expects([Condition::Installed { node: node.clone(), release: payload.id.clone() }])
    .cites(&rules(board, node, payload))
    .interrupts(interrupts)
    .recovery(Recovery::Ask)
    .point_of_no_return(payload.one_way || payload.service_pack)
    .exposes(exposes)
    .takes(seconds, 4 * seconds.max(900));
    draft = draft.cites(&payload.cites.iter().map(String::as_str).collect::<Vec<_>>());
    if payload.command.is_none() {
        draft = draft.by_person(payload.instruction.replace("{node}", node.as_str()));
    }
    sheet.write(draft);
    Ok(())
}

fn rules(board: &Board<'_>, node: &ServerId, payload: &Payload) -> Vec<&'static str> {
    if payload.of_system {
        return Vec::new();
    }
    let (alone, small_business) = match board.payload.product {
        Product::Exchange2000 => ("E00-ALONE", "E00-SBS"),
        _ => ("E03-ALONE", "E03-SBS"),
    };
    let mut rules = vec![alone, "ALL-SERVICES-STOP", "ALL-ONE-INSTALLER"];
    let roles = board.estate.servers.get(node).map(|server| server.roles.as_slice()).unwrap_or_default();
    rules.extend(order::front_end_rule(board));
    rules.extend(payload.service_pack.then_some("ALL-NO-UNINSTALL"));
    let small = roles.contains(&Role::SmallBusinessServer);
    rules.extend(small.then_some(small_business));
    // What carries the whole of SBS 2000 to its own service pack is another set-up, which brings this one along.
    let whole = small && payload.service_pack && board.payload.product == Product::Exchange2000;
    rules.extend(whole.then_some("E00-SBS-SP1"));
    rules
}

/// The restart after an install, where the installer, the system or policy asks for it (E03-ALONE-REBOOT).
pub(crate) fn restart(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    node: &ServerId,
    payload: &Payload,
) -> Result<(), Refused> {
    let Some(need) = nodes::restart_need(board, payload) else { return Ok(()) };
    let when = (need == RestartNeed::IfAsked).then(|| Condition::RestartPending { node: node.clone() });
    let command = Command::Restart { node: node.clone() };
    let seconds = board.profile.expected_seconds.restart;
    let interrupts = board.interruptions(&command, seconds);
    let exposes = if when.is_some() { board.act_if_asked(&command) } else { board.act(Some(&command)) }?;
    let rules: &[&str] = match (payload.of_system, board.payload.product) {
        (true, _) => &["KB831464"],
        (false, Product::Exchange2000) => &["E00-ALONE"],
        (false, _) => &["E03-ALONE-REBOOT"],
    };
    let mut draft = Draft::new(Action::Restart { node: node.clone() }, format!("Restart {node}"))
        .requires([Condition::Reached { node: node.clone() }, Condition::NoInstaller { node: node.clone() }])
        .requires(pools::stays_out(board, node))
        .expects([Condition::Restarted { node: node.clone() }, Condition::Reached { node: node.clone() }])
        // Whatever took it out of its pool must have outlived the restart.
        .expects(pools::stays_out(board, node))
        .cites(rules)
        .interrupts(interrupts)
        .unreachable(node)
        .exposes(exposes)
        .takes(seconds, 3 * seconds.max(300));
    if let Some(when) = when {
        draft = draft.when(when);
    }
    sheet.write(draft);
    Ok(())
}
