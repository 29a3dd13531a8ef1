//! Sheets handed out, answers taken in: what a courier does with each kind of answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::Exit;
use crate::operator::{Answer, AskFuture};

/// What a person does at each question, before they answer.
type Deed = Box<dyn Fn(usize, &PathBuf) + Send + Sync>;

/// Answers each sheet with the lines it holds, or does as it is told.
struct Person {
    asked: Mutex<Vec<Request>>,
    does: Deed,
    says: fn(usize) -> Result<Outcome, &'static str>,
    dir: PathBuf,
    count: AtomicUsize,
}

impl Operator for Person {
    fn ask(&self, request: Request) -> AskFuture<'_> {
        Box::pin(async move {
            let number = self.count.fetch_add(1, Ordering::Relaxed);
            self.asked.lock().unwrap().push(request);
            (self.does)(number, &self.dir);
            match (self.says)(number) {
                Ok(outcome) => Ok(Answer { outcome, by: "ann".into() }),
                Err(why) => Err(Error::NoAnswer { host: String::new(), why: why.into() }),
            }
        })
    }
}

fn person(
    dir: &std::path::Path,
    does: impl Fn(usize, &PathBuf) + Send + Sync + 'static,
    says: fn(usize) -> Result<Outcome, &'static str>,
) -> Arc<Person> {
    let (dir, count) = (dir.to_owned(), AtomicUsize::new(0));
    Arc::new(Person { asked: Mutex::default(), does: Box::new(does), says, dir, count })
}

/// Runs every sheet that has no answer: each command prints its own line.
fn run_all(dir: &PathBuf) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "cmd") && !path.with_extension("txt").exists() {
            std::fs::write(path.with_extension("txt"), answer_to(&path)).unwrap();
        }
    }
}

fn answer_to(sheet: &std::path::Path) -> String {
    let text = std::fs::read_to_string(sheet).unwrap();
    let mark = text.lines().nth(1).unwrap().strip_prefix("rem ").unwrap().split_once(':').unwrap().0;
    let mut answer = format!("{mark} begin\r\n");
    let lines = text.lines().filter_map(|l| l.strip_prefix("cmd /s /c ^\"")?.split_once("^\" <"));
    for (index, (line, _)) in lines.enumerate() {
        let n = index + 1;
        answer.push_str(&format!(
            "{mark} out {n}\r\n{line}\r\n\r\n{mark} err {n}\r\n\r\n{mark} code {n} 0\r\n"
        ));
    }
    answer + &format!("{mark} end\r\n")
}

fn done(_: usize) -> Result<Outcome, &'static str> {
    Ok(Outcome::Done)
}

async fn ask(host: &ByHand, line: &str) -> Result<String, Error> {
    host.run(&Command::new(line)).await.map(|o| o.stdout_text())
}

#[tokio::test]
async fn a_look_asks_for_all_that_is_missing_at_once_and_forgets_it_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let person = person(dir.path(), |_, dir| run_all(dir), done);
    let courier = Courier::new(dir.path(), person.clone());
    let (one, two) = (courier.host("N1"), courier.host("N2"));
    for look in 1..=2 {
        courier.begin_look();
        for (host, line) in [(&one, "ver"), (&one, "dir"), (&two, "ver"), (&one, "ver")] {
            let why = ask(host, line).await.unwrap_err();
            assert!(matches!(why, Error::Awaited { .. }) && why.certainly_not_begun(), "{why}");
        }
        assert!(courier.fetch(&["for a test".into()]).await.unwrap());
        assert_eq!(ask(&one, "dir").await.unwrap(), "dir\r\n");
        assert_eq!(ask(&two, "ver").await.unwrap(), "ver\r\n");
        // What the first look asked late stands on the second's first sheet.
        assert_eq!(ask(&one, "late").await.is_ok(), look == 2);
        assert_eq!(courier.fetch(&[]).await.unwrap(), look == 1);
        assert_eq!(ask(&one, "late").await.unwrap(), "late\r\n");
        courier.end_look(true);
    }
    let asked = person.asked.lock().unwrap();
    assert_eq!(asked.len(), 3);
    assert!(asked[0].instruction.contains("for a test") && asked[0].instruction.contains("N2-2.cmd"));
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    let mut left: Vec<String> = left.into_iter().map(|name| name.into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["in-use", "last-number"], "nothing lies around when a look is over");
}

#[tokio::test]
async fn a_wrong_file_is_refused_with_the_reason_until_the_right_one_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let does = |number: usize, dir: &PathBuf| match number {
        0 => {}
        1 => std::fs::write(dir.join("N1-1.txt"), "kaketsugi-sheet 9-old begin\r\n").unwrap(),
        2 => {
            let whole = answer_to(&dir.join("N1-1.cmd"));
            std::fs::write(dir.join("N1-1.txt"), &whole[..whole.len() - 5]).unwrap();
        }
        _ => std::fs::write(dir.join("N1-1.txt"), answer_to(&dir.join("N1-1.cmd"))).unwrap(),
    };
    let person = person(dir.path(), does, done);
    let courier = Courier::new(dir.path(), person.clone());
    assert_eq!(ask(&courier.host("N1"), "mkdir x").await.unwrap(), "mkdir x\r\n");
    let asked = person.asked.lock().unwrap();
    let told: Vec<&str> = asked.iter().map(|r| r.instruction.as_str()).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[1].contains("it isn't there yet"), "{}", told[1]);
    assert!(told[2].contains("it is not the answer to this sheet"), "{}", told[2]);
    assert!(told[3].contains("it is cut off"), "{}", told[3]);
    assert!(asked.iter().all(|r| r.id == "sheet N1-1"), "handed out once");
}

#[tokio::test]
async fn who_has_no_terminal_brings_the_answer_and_calls_again() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = person(dir.path(), |_, _| {}, |_| Err("nobody is at the terminal"));
    let look = |courier: Arc<Courier>| async move {
        courier.begin_look();
        let host = courier.host("N1");
        let _ = ask(&host, "ver").await;
        courier.fetch(&[]).await.map(|_| ())?;
        let said = ask(&host, "ver").await;
        courier.end_look(true);
        said
    };
    let why = look(Courier::new(dir.path(), nobody.clone())).await.unwrap_err();
    assert!(!why.certainly_not_begun());
    assert!(why.to_string().contains("N1-1.cmd") && why.to_string().contains("call this again"), "{why}");
    run_all(&dir.path().to_owned());
    // Another process, as it were.
    assert_eq!(look(Courier::new(dir.path(), nobody.clone())).await.unwrap(), "ver\r\n");
    assert_eq!(nobody.count.load(Ordering::Relaxed), 1, "nobody was asked again");
    // Its answer was for that look alone.
    assert!(look(Courier::new(dir.path(), nobody)).await.unwrap_err().to_string().contains("N1-2.cmd"));
}

#[tokio::test]
async fn what_changes_something_is_never_taken_from_an_earlier_sheet() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = person(dir.path(), |_, _| {}, |_| Err("nobody is at the terminal"));
    for sheet in ["N1-1.cmd", "N1-2.cmd"] {
        let courier = Courier::new(dir.path(), nobody.clone());
        let why = ask(&courier.host("N1"), "mkdir x").await.unwrap_err();
        assert!(why.to_string().contains(sheet) && !why.certainly_not_begun(), "{why}");
        run_all(&dir.path().to_owned());
    }
    // Also when an answer lies there: they know why it is none.
    let does = |_: usize, dir: &PathBuf| run_all(dir);
    let cannot = person(dir.path(), does, |_| Ok(Outcome::Cannot("the door is locked".into())));
    let why = ask(&Courier::new(dir.path(), cannot).host("N1"), "ver").await.unwrap_err();
    assert!(why.to_string().contains("ann: the door is locked"), "{why}");
}

#[tokio::test]
async fn output_is_kept_up_to_its_bound() {
    let dir = tempfile::tempdir().unwrap();
    let courier = Courier::new(dir.path(), person(dir.path(), |_, dir| run_all(dir), done));
    let output = courier.host("N1").run(&Command::new("version").output_bytes_max(3)).await.unwrap();
    assert_eq!((output.stdout.as_slice(), output.truncated, output.exit), (&b"ver"[..], true, Exit::Code(0)));
}
