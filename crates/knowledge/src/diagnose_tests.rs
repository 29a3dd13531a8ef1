//! Symptoms as the programs write them. dpkg and apt: output of dpkg 1.21.23 and apt on Debian 12. Pacemaker: texts
//! as its version 2.1.5 writes them.

use super::*;

fn ids(text: &str) -> Vec<(&'static str, usize)> {
    diagnose(text.lines()).iter().map(|found| (found.diagnosis.id.as_str(), found.line_no)).collect()
}

fn one(text: &str) -> Match {
    let found = diagnose(text.lines());
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found.into_iter().next().unwrap()
}

fn captured<'a>(found: &'a Match, name: &str) -> Option<&'a str> {
    found.captures.get(name).map(String::as_str)
}

#[test]
fn a_broken_package_is_named_with_its_line_and_reason() {
    let log = "\
Setting up kt-broken (1.0) ...
kt-broken: cannot migrate the spool
dpkg: error processing package kt-broken (--configure):
 installed kt-broken package post-installation script subprocess returned error exit status 3
Errors were encountered while processing:
 kt-broken
E: Sub-process /usr/bin/dpkg returned an error code (1)";
    let found = one(log);
    assert_eq!((found.diagnosis.id.as_str(), found.line_no), ("package-script-failed", 4));
    assert_eq!(captured(&found, "package"), Some("kt-broken"));
    assert_eq!(captured(&found, "status"), Some("3"));
    assert_eq!(found.title(), "The post-installation script of package kt-broken failed");
    assert!(found.before.contains(&"kt-broken: cannot migrate the spool".to_owned()));
    assert!(found.causes().next().unwrap().text.starts_with("The package kt-broken can't be configured"));
}

#[test]
fn other_ways_in_which_package_scripts_fail() {
    let old = "dpkg: error processing package libpaper1 (--configure):\n subprocess installed post-installation script returned error exit status 10";
    assert_eq!(captured(&one(old), "package"), Some("libpaper1"));
    let killed =
        " installed kt-broken package post-installation script subprocess was killed by signal (Killed)";
    assert_eq!(captured(&one(killed), "signal"), Some("Killed"));
    let new = " new kt-broken:amd64 package pre-installation script subprocess returned error exit status 3";
    assert_eq!(captured(&one(new), "package"), Some("kt-broken:amd64"));
}

#[test]
fn dpkg_and_apt() {
    let interrupted =
        "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ";
    assert_eq!(ids(interrupted), [("dpkg-interrupted", 1)]);
    let locked = one(
        "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4175 (unattended-upgr)",
    );
    assert_eq!(locked.diagnosis.id, "dpkg-lock-held");
    assert_eq!(
        (captured(&locked, "pid"), captured(&locked, "program")),
        (Some("4175"), Some("unattended-upgr"))
    );
    let locked = one("dpkg: error: dpkg frontend lock was locked by another process with pid 4175");
    assert_eq!(captured(&locked, "pid"), Some("4175"));
    assert_eq!(
        ids(
            "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?"
        ),
        [("dpkg-lock-held", 1)]
    );
    assert_eq!(
        ids("E: Held packages were changed and -y was used without --allow-change-held-packages."),
        [("packages-held", 1)]
    );
    let full = one(
        " cannot copy extracted data for './opt/x' to '/opt/x.dpkg-new': failed to write (No space left on device)",
    );
    assert_eq!(
        (full.diagnosis.id.as_str(), captured(&full, "file")),
        ("no-space-left", Some("/opt/x.dpkg-new"))
    );
    assert_eq!(ids("tee: /var/log/x: No space left on device"), [("no-space-left", 1)]);
}

#[test]
fn resources_that_do_not_start_or_stop() {
    for line in [
        "  * dovecot start on n1 returned 'error' (config is broken) at Tue May  5 19:53:18 2026 after 1.328s",
        "Nov 22 n1 pacemaker-controld [77] (log_executor_event) error: Result of start operation for dovecot on n1: error (config is broken) | graph action confirmed; call=20 key=dovecot_start_0 rc=1",
        r#"<failure op_key="dovecot_start_0" node="n1" exitstatus="error" exitreason="x" exitcode="1" call="20" status="complete" task="start"/>"#,
    ] {
        let found = one(line);
        assert_eq!(found.diagnosis.id, "resource-start-failed", "{line}");
        assert_eq!(
            (captured(&found, "resource"), captured(&found, "node")),
            (Some("dovecot"), Some("n1")),
            "{line}"
        );
        assert!(captured(&found, "reason").is_some_and(|reason| reason.starts_with("error")), "{line}");
    }
    for line in [
        "  * store stop on n2 could not be executed (Timed Out: Process did not exit within specified timeout)",
        "error: Result of stop operation for store on n2: Timed Out after 20s (x) | graph action confirmed; call=31",
        r#"<failure op_key="store_stop_0" node="n2" exitstatus="error" exitcode="1" status="Timed Out" task="stop"/>"#,
    ] {
        let found = one(line);
        assert_eq!(found.diagnosis.id, "resource-stop-timed-out", "{line}");
        assert_eq!(
            (captured(&found, "resource"), captured(&found, "node")),
            (Some("store"), Some("n2")),
            "{line}"
        );
    }
    assert!(
        ids("notice: Result of start operation for dovecot on n1: ok | graph action confirmed").is_empty()
    );
    assert!(
        ids("notice: Result of stop operation for dovecot on n1: ok | graph action confirmed").is_empty()
    );
}

#[test]
fn unclean_nodes_and_failed_fencing() {
    for line in [
        "  * Node n2: UNCLEAN (offline)",
        "  * Node n2 (2): UNCLEAN (offline)",
        "warning: Cluster node n2 will be fenced: peer is no longer part of the cluster",
        "n1 pacemaker-schedulerd[9]  warning: Node n2 is unclean",
        "n1 pacemaker-schedulerd[9]  warning: n2 is unclean",
        r#"<node name="n2" id="2" online="false" standby="false" unclean="true" health="green"/>"#,
    ] {
        let found = one(line);
        assert_eq!(
            (found.diagnosis.id.as_str(), captured(&found, "node")),
            ("node-unclean", Some("n2")),
            "{line}"
        );
    }
    assert!(ids(r#"<node name="n2" id="2" online="true" unclean="false"/>"#).is_empty());
    for line in [
        "notice: Peer n2 was not terminated (reboot) by <anyone> on behalf of pacemaker-controld.9@n1: Error (No fence device) | event=1",
        "  * reboot of n2 for pacemaker-controld.9@n1 last failed (No fence device) at 2026-11-22",
        "  * reboot of n2 failed: delegate=, client=x",
        r#"<fence_event action="reboot" target="n2" client="c" origin="n1" status="failed" exit-reason="No fence device"/>"#,
    ] {
        let found = one(line);
        assert_eq!(
            (found.diagnosis.id.as_str(), captured(&found, "node")),
            ("fencing-failed", Some("n2")),
            "{line}"
        );
    }
    assert!(
        ids("notice: Peer n2 was terminated (reboot) by n1 on behalf of pacemaker-controld.9@n1: OK")
            .is_empty()
    );
}

#[test]
fn exchange() {
    let held = one("1.234: FileInUse:: Added to Filelist: C:\\Exchsrvr\\bin\\store.exe\r");
    assert_eq!(held.diagnosis.id, "file-in-use");
    assert_eq!(captured(&held, "file"), Some(r"C:\Exchsrvr\bin\store.exe"));
    for line in ["ID no: c1037b44", "error 0xC1037B44", "C1037B44"] {
        let found = one(line);
        assert_eq!(found.diagnosis.id, "evs-version-mismatch");
        assert_eq!(found.causes().filter(|cause| cause.when.is_some()).count(), 2);
    }
    assert!(ids("ID no: c1037b440").is_empty());
    assert_eq!(ids("[12:00:01] Error code 0XC103FD04 (64772): x"), [("adc-too-old", 1)]);
    assert_eq!(ids("ActiveSync: synchronization key error"), [("sync-key", 1)]);
    assert_eq!(
        ids("update.exe                  1234 Console    0    5,120 K"),
        [("other-installer-running", 1)]
    );
    assert!(ids("myupdate.exe 1234\nsetup.exemplary").is_empty());
}

#[test]
fn exit_codes_in_words() {
    for (line, id) in [
        ("installer exited with code 3010", "installer-asks-for-restart"),
        ("Exit code: 1641", "installer-began-restart"),
        ("ERRORLEVEL=1603", "installer-failed"),
        ("returned 1618", "other-installer-running"),
    ] {
        assert_eq!(ids(line), [(id, 1)]);
    }
    assert!(ids("exit code 30100\nport 3010 returned 0\n1603").is_empty());
    assert_eq!(ids("    Flags    REG_DWORD    0x1"), [("restart-pending", 1)]);
    assert!(ids("    Flags    REG_DWORD    0x0").is_empty());
}

#[test]
fn an_event_is_its_source_and_its_number_together() {
    let event = |source: &str, number: u32| {
        format!("ソース : {source}\n分類 : Services\nイベント ID : {number}\n日付 : 2005-11-01\n")
    };
    assert_eq!(ids(&event("MSExchangeCluster", 1025)), [("evs-upgrade-due", 3)]);
    assert!(ids(&event("MSExchangeCluster", 1024)).is_empty());
    assert!(ids(&event("MSExchangeIS", 1025)).is_empty());
    let two = event("MSExchangeCluster", 1003) + &event("MSExchangeIS", 1025);
    assert!(ids(&two).is_empty(), "the number of another event");
    assert_eq!(ids("Error,MSExchangeCluster,1025,N/A,NODE2"), [("evs-upgrade-due", 1)]);
    assert!(ids("Error,MSExchangeCluster,1026,N/A,NODE2").is_empty());
    assert_eq!(
        ids("<Provider Name='MSExchangeCluster'/>\n<EventID Qualifiers='49152'>1025</EventID>"),
        [("evs-upgrade-due", 2)]
    );
    let far = format!("Source: MSExchangeCluster\n{}Event ID: 1025", "x\n".repeat(20));
    assert!(ids(&far).is_empty());
}

#[test]
fn what_a_log_can_do_is_bounded() {
    let endless = "x".repeat(LINE_BYTES_MAX - 10) + "ああああ FileInUse:: Added to Filelist: y";
    assert!(ids(&endless).is_empty(), "beyond what is looked at of a line");
    let repeated = "FileInUse:: Added to Filelist: y\n".repeat(MATCHES_MAX + 50);
    assert_eq!(ids(&repeated).len(), MATCHES_MAX);
}

#[test]
fn text_that_is_no_trouble_finds_nothing() {
    let quiet = "\
Setting up dovecot-core (1:2.3.19.1+dfsg1-2.1+deb12u7) ...
Processing triggers for libc-bin (2.36-9+deb12u9) ...
0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.
  * Online: [ n1 n2 n3 ]
pacemaker-controld: notice: State transition S_POLICY_ENGINE -> S_IDLE";
    assert!(ids(quiet).is_empty());
}
