//! The lab itself, tried on this machine: everything that other tests build on must be as they take it to be.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kaketsugi_lab::mail::MailReport;
use kaketsugi_lab::{Config, Cut, Facts, GroupKind, Lab, epoch_ms, possible_for, supervise};

/// Names the state directory for the process that [`the_supervisor_s_process`] becomes.
const SUPERVISE: &str = "LAB_TEST_SUPERVISE";

/// A bare move, a controller cut off, a power cut: the group's users get it back, no mail is lost, the store is never
/// mounted twice, and nothing of it all is left behind.
#[test]
fn three_nodes_carry_a_mail_group_through_a_move_and_a_power_cut() {
    if !possible_for("three_nodes_carry_a_mail_group_through_a_move_and_a_power_cut") {
        return;
    }
    let begun = Instant::now();
    let lab = Lab::up(&Config::mail(3).with_web()).unwrap();
    figure("up, 3 nodes", begun.elapsed());
    assert!(lab.cluster_view().unwrap().all_online(&[]));

    // The service pack is there, and planning with it changes nothing.
    let simulated = lab.exec("n3", "apt-get -qq update && apt-get -s dist-upgrade").unwrap();
    for package in ["Inst postfix ", "Inst dovecot-core "] {
        assert!(simulated.contains(package), "no update of {package}: {simulated}");
    }
    assert!(lab.exec("n3", "systemd-run --quiet --wait --pipe echo detached").unwrap().contains("detached"));
    let restarts = lab.exec("n3", "needrestart -b").unwrap();
    assert!(!restarts.contains("NEEDRESTART-SVC"), "a fresh node needs no restarts: {restarts}");

    // Where an archive has no update, a real package is packed anew with a higher version: it is one like any other.
    let together = lab.repository().add_repacked(&["dovecot-core", "dovecot-imapd"], "+anew1").unwrap();
    let single = lab.repository().add_repacked(&["iputils-ping"], "+anew1").unwrap();
    let simulated = lab.exec("n3", "apt-get -qq update && apt-get -s dist-upgrade").unwrap();
    for package in together.iter().chain(&single) {
        let line = simulated.lines().find(|l| l.starts_with(&format!("Inst {} ", package.name))).unwrap();
        assert!(line.contains(&format!("({} ", package.version)), "{} in {line}", package.version);
    }
    let install = "export DEBIAN_FRONTEND=noninteractive; apt-get -qq -y install iputils-ping >/dev/null 2>&1; \
        dpkg --audit; dpkg-query -W -f '${Version}' iputils-ping";
    assert_eq!(lab.exec("n3", install).unwrap(), single[0].version);
    together.iter().chain(&single).for_each(|package| lab.repository().remove(package).unwrap());

    // A broken update fails as one does, and tells why; taken back, the node is well again.
    let (good, _) = lab.repository().newest("iputils-ping").unwrap();
    let broken = lab.repository().add_broken("iputils-ping", "ping lost its way").unwrap();
    let install =
        "export DEBIAN_FRONTEND=noninteractive; apt-get -qq update; apt-get -qq -y install iputils-ping 2>&1";
    let failed = lab.output("n3", install).unwrap();
    assert!(!failed.status.success());
    assert!(String::from_utf8_lossy(&failed.stdout).contains("ping lost its way"), "{failed:?}");
    lab.repository().remove(&broken).unwrap();
    let back = format!("apt-get -qq -y --allow-downgrades install iputils-ping={}", good.version);
    let quiet = "export DEBIAN_FRONTEND=noninteractive; apt-get -qq update";
    assert_eq!(lab.exec("n3", &format!("{quiet}; {back} >/dev/null 2>&1; dpkg --audit")).unwrap(), "");

    // Accounts: one with sudo, one without.
    let as_user = |user: &str| lab.ssh(user, "n1").unwrap().arg("sudo -n id -u").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&as_user("admin").stdout).trim(), "0");
    assert!(!as_user("guest").status.success());

    let client = lab.mail_client().unwrap();
    wait(3);
    let first = lab.owner("mail").unwrap();
    let second = lab.move_group("mail").unwrap();
    assert_ne!(first, second);
    let moved = client.finish_after(Duration::from_secs(3)).unwrap();
    figure_gap("bare move", &moved);
    assert_served(&moved, 1..=1);

    // The controller loses a node; neither the cluster nor the users notice.
    let client = lab.mail_client().unwrap();
    lab.cut_network(&second, Cut::Controller).unwrap();
    assert!(!lab.output(&second, "true").unwrap().status.success(), "a cut network lets nothing through");
    assert_eq!(lab.owner("mail").unwrap(), second, "asked from inside, without the network");
    lab.restore_network(&second).unwrap();
    lab.exec(&second, "true").unwrap();
    let unnoticed = client.finish_after(Duration::from_secs(1)).unwrap();
    assert_served(&unnoticed, 0..=0);

    // The active node loses its power: it is fenced, the group recovers elsewhere, the node comes back by itself.
    let boots = boots(&lab, &second);
    let client = lab.mail_client().unwrap();
    wait(2);
    let begun = Instant::now();
    let at = epoch_ms();
    lab.power_off(&second).unwrap();
    lab.wait_fenced(&second, at, Duration::from_secs(60)).unwrap();
    let view = lab.wait_ready(Duration::from_secs(120)).unwrap();
    figure("power cut until all is well again", begun.elapsed());
    assert_ne!(view.owner("mail"), Some(second.as_str()), "{}", view.summary());
    let cut = client.finish_after(Duration::from_secs(2)).unwrap();
    figure_gap("power cut", &cut);
    assert_served(&cut, 1..=2);
    let status = lab.status().unwrap();
    assert!(status.fencings.iter().any(|(_, _, node)| *node == second), "{:?}", status.fencings);
    assert_eq!(self::boots(&lab, &second), boots + 1, "switched on again by the fence agent");

    // A node that restarts by itself is booted again, with a new boot identity.
    let identity = || lab.exec_inside(&second, "cat /proc/sys/kernel/random/boot_id");
    let before = identity().unwrap();
    lab.exec_inside(&second, "systemctl --no-block reboot").unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) && identity().map_or(true, |now| now == before) {
        wait(1);
    }
    assert_ne!(identity().unwrap(), before);
    lab.wait_ready(Duration::from_secs(120)).unwrap();
    figure("restart until all is well again", begun.elapsed());

    assert_eq!(lab.double_mounts().unwrap(), Vec::<String>::new());
    let report = lab.sentinel_report().unwrap();
    assert!(
        report.iter().filter(|line| line.ends_with(" held")).count() >= 3,
        "the sentinel was at work: {report:?}"
    );
    assert!(lab.status().unwrap().mounts.len() >= 3, "and so was the watch from outside");

    let facts = lab.facts().clone();
    let begun = Instant::now();
    lab.down().unwrap();
    figure("down", begun.elapsed());
    assert_nothing_left(&facts);
}

/// Two labs with the same addresses don't know of each other. In the one, two nodes lose sight of each other; in the
/// other, the active node hangs. Both end with one of the two fenced and the group running once.
#[test]
fn two_labs_of_two_nodes_live_through_a_split_and_a_hang() {
    if !possible_for("two_labs_of_two_nodes_live_through_a_split_and_a_hang") {
        return;
    }
    let (split, hang) = std::thread::scope(|scope| {
        let split = scope.spawn(|| {
            let lab = Lab::up(&Config::mail(2)).unwrap();
            lab.cut_network("n1", Cut::Peers).unwrap();
            let fenced = wait_fenced(&lab);
            lab.restore_network("n1").unwrap();
            lab.wait_ready(Duration::from_secs(150)).unwrap();
            assert_eq!(fenced.len(), 1, "one survives a split: {fenced:?}");
            assert_eq!(lab.double_mounts().unwrap(), Vec::<String>::new());
            lab
        });
        let hang = scope.spawn(|| {
            let lab = Lab::up(&Config::mail(2)).unwrap();
            let owner = lab.owner("mail").unwrap();
            lab.freeze(&owner).unwrap();
            assert_eq!(wait_fenced(&lab), std::slice::from_ref(&owner), "the one that hangs");
            lab.wait_ready(Duration::from_secs(150)).unwrap();
            assert_ne!(lab.owner("mail").unwrap(), owner);
            assert_eq!(lab.double_mounts().unwrap(), Vec::<String>::new());
            lab
        });
        (split.join().unwrap(), hang.join().unwrap())
    });
    assert_ne!(split.facts().netns, hang.facts().netns);
    for lab in [split, hang] {
        let facts = lab.facts().clone();
        drop(lab);
        assert_nothing_left(&facts);
    }
}

/// A second mount on purpose, behind the cluster's back: both witnesses must tell, or "never mounted twice" says nothing.
/// The same lab loses its supervisor to a kill -9: its nodes go with it, and taking it down finds all that is left.
#[test]
fn a_double_mount_is_seen_and_a_killed_supervisor_leaves_nothing() {
    if !possible_for("a_double_mount_is_seen_and_a_killed_supervisor_leaves_nothing") {
        return;
    }
    let state = tempfile::tempdir_in("/var/tmp").unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "the_supervisor_s_process", "--ignored", "--nocapture"]);
    process.env(SUPERVISE, state.path());
    let lab = Lab::up_detached(&Config::mail(2), state.path(), process).unwrap();
    let facts = lab.facts().clone();

    let owner = lab.owner("mail").unwrap();
    let other = if owner == "n1" { "n2" } else { "n1" };
    assert_eq!(lab.double_mounts().unwrap(), Vec::<String>::new());
    lab.exec(other, "mount --bind /shared/mail /srv/mail").unwrap();
    wait(1);
    let sentinel = "OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=second OCF_RESKEY_store=/srv/mail \
                    /usr/lib/ocf/resource.d/lab/sentinel start";
    assert!(!lab.output(other, sentinel).unwrap().status.success(), "a second holder is refused");
    let seen = lab.double_mounts().unwrap();
    assert!(seen.iter().any(|line| line.contains("n1+n2")), "from outside: {seen:?}");
    assert!(seen.iter().any(|line| line.ends_with(&format!("{other} double"))), "by the sentinel: {seen:?}");

    let supervisor = pids_with_environment(&format!("{SUPERVISE}={}", state.path().display()));
    assert_eq!(supervisor.len(), 1, "{supervisor:?}");
    let killed = Command::new("kill").args(["-9", &supervisor[0].to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(lab.status().is_err(), "nobody answers any more");
    wait(2);
    assert!(!lives(&facts), "the nodes go with their supervisor");
    lab.down().unwrap();
    assert_nothing_left(&facts);
    assert!(Lab::attach(state.path()).is_err());
}

/// Not a test: what the test above starts as the supervisor's process.
#[test]
#[ignore = "the process that another test starts"]
fn the_supervisor_s_process() {
    if let Some(state) = std::env::var_os(SUPERVISE) {
        supervise(&PathBuf::from(state)).unwrap();
    }
}

#[test]
fn an_impossible_lab_is_refused_before_anything_is_done() {
    let mut config = Config::mail(3);
    config.groups.push(config.groups[0].clone());
    config.groups[1].kind = GroupKind::Dummy;
    if possible_for("an_impossible_lab_is_refused_before_anything_is_done") {
        let error = Lab::up(&config).unwrap_err();
        assert!(error.to_string().contains("shares its name"), "{error}");
        assert!(!error.is_unfit(), "the wish is at fault, not the machine");
    }
}

fn assert_served(report: &MailReport, gaps: std::ops::RangeInclusive<usize>) {
    let [smtp, imap] = [&report.smtp, &report.imap];
    assert!(smtp.succeeded > 10 && imap.succeeded > 10, "a client that does nothing sees nothing");
    assert!(gaps.contains(&report.either.len()), "gaps: {:?}", report.either);
    assert!(report.longest_gap_ms() < 60_000, "gaps: {:?}", report.either);
    assert_eq!(report.lost, Vec::<String>::new());
    assert!(report.delivered.len() >= report.accepted.len());
}

fn assert_nothing_left(facts: &Facts) {
    assert!(!Path::new("/run/netns").join(&facts.netns).exists(), "the network namespace is left");
    assert!(!facts.control.exists(), "the control socket is left");
    assert!(!facts.state.join("run").exists() && !facts.shared().exists(), "state is left");
    for hierarchy in ["", "unified", "systemd", "memory"] {
        let cgroup = Path::new("/sys/fs/cgroup").join(hierarchy).join(&facts.netns);
        assert!(!cgroup.exists(), "a cgroup is left: {}", cgroup.display());
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&*facts.state.to_string_lossy()), "a mount is left");
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |file: &str| std::fs::read_to_string(process.path().join(file)).unwrap_or_default();
        // What is dead and waits for its parent to ask after it does no harm.
        if read("status").contains("State:\tZ") {
            continue;
        }
        let cgroups = read("cgroup");
        assert!(!cgroups.contains(&facts.netns), "a process is left: {}", process.path().display());
    }
}

/// Whether any process lives in the lab's cgroup, in whichever layout this machine has.
fn lives(facts: &Facts) -> bool {
    let read = |hierarchy: &str| {
        std::fs::read_to_string(
            Path::new("/sys/fs/cgroup").join(hierarchy).join(&facts.netns).join("cgroup.events"),
        )
    };
    let events = read("unified").or_else(|_| read("")).unwrap();
    !events.contains("populated 0")
}

fn wait_fenced(lab: &Lab) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let status = lab.status().unwrap();
        if !status.fencings.is_empty() {
            // A second one would follow within the other's delay of two seconds.
            wait(4);
            return lab.status().unwrap().fencings.into_iter().map(|(_, _, node)| node).collect();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody was fenced: {status:?}");
        wait(1);
    }
}

fn pids_with_environment(variable: &str) -> Vec<u32> {
    let has = |path: &Path| {
        std::fs::read(path.join("environ"))
            .is_ok_and(|env| env.split(|b| *b == 0).any(|v| v == variable.as_bytes()))
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let found = processes.filter(|p| has(&p.path()));
    // The lab's own children inherit it; the supervisor is the one that runs this program.
    let me = std::env::current_exe().unwrap();
    let found = found.filter(|p| std::fs::read_link(p.path().join("exe")).is_ok_and(|exe| exe == me));
    found.filter_map(|p| p.file_name().to_str()?.parse().ok()).collect()
}

fn boots(lab: &Lab, node: &str) -> u32 {
    lab.status().unwrap().nodes.iter().find(|n| n.name == node).unwrap().boots
}

fn figure(what: &str, time: Duration) {
    println!("FIGURE {what}: {:.1} s", time.as_secs_f64());
}

fn figure_gap(what: &str, report: &MailReport) {
    let gaps: Vec<_> =
        report.either.iter().map(|gap| format!("{:.1} s", gap.length_ms() as f64 / 1000.0)).collect();
    println!("FIGURE {what}, seen by a mail client: {} ({} mails)", gaps.join(" + "), report.accepted.len());
}

fn wait(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}
