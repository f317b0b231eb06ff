use cap_std::ambient_authority;
use mecha_primitives::clock::ManualClock;

use super::*;

struct World {
    inbox: Inbox,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

fn dir(path: &std::path::Path) -> Dir {
    Dir::create_ambient_dir_all(path, ambient_authority()).unwrap();
    Dir::open_ambient_dir(path, ambient_authority()).unwrap()
}

impl World {
    fn new(moved: bool, failed: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
        let options = Options {
            pattern: Pattern::new("*.csv"),
            settled: if moved { Settle::Move(dir(&folder.path().join("done"))) } else { Settle::Delete },
            failed: failed.then(|| dir(&folder.path().join("failed"))),
            max_size: 10,
            stirred: None,
        };
        let inbox = Inbox::open(dir(&folder.path().join("in")), options, clock.clone()).unwrap();
        Self { inbox, clock, folder }
    }

    fn dir(&self) -> Dir {
        dir(self.folder.path())
    }

    async fn scan(&self) -> Vec<Entry> {
        self.inbox.scan(100, |_| false).await.unwrap()
    }

    /// The complete files.
    async fn complete(&self) -> Vec<Entry> {
        self.scan().await;
        self.clock.advance(STABLE);
        self.scan().await
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = self.dir().read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn names(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[tokio::test]
async fn a_file_is_an_input_when_it_no_longer_changes() {
    let world = World::new(false, false);
    world.dir().write("in/a.csv", "1").unwrap();
    assert!(world.scan().await.is_empty(), "it may still be written");
    world.clock.advance(STABLE / 2);
    assert!(world.scan().await.is_empty());
    world.dir().write("in/a.csv", "1,2").unwrap();
    world.clock.advance(STABLE / 2);
    assert!(world.scan().await.is_empty(), "it was");
    world.clock.advance(STABLE);
    let found = world.scan().await;
    assert_eq!(names(&found), ["a.csv"]);
    assert_eq!(world.scan().await, found, "its id stays");
    assert_eq!(world.inbox.read(&found[0]).await.unwrap(), "1,2");
    let id = found[0].id.clone();
    assert!(world.inbox.scan(100, move |known| known == id).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_complete_regular_files_are_inputs() {
    let world = World::new(false, false);
    for name in [".a.csv", "a.csv.tmp", "a.csv.part", "a.csv.failed", "a.txt"] {
        world.dir().write(format!("in/{name}"), "x").unwrap();
    }
    world.dir().create_dir("in/folder.csv").unwrap();
    world.dir().write("secret", "x").unwrap();
    world.dir().symlink("../secret", "in/link.csv").unwrap();
    let fifo = dir(&world.folder.path().join("in"));
    rustix::fs::mknodat(&fifo, "fifo.csv", rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(world.complete().await.is_empty());
}

#[tokio::test]
async fn a_settled_file_is_gone_and_another_of_its_name_is_another_input() {
    let world = World::new(false, false);
    world.dir().write("in/a.csv", "1").unwrap();
    let first = world.complete().await.remove(0);
    world.dir().write("in/new", "22").unwrap();
    world.dir().rename("in/new", &world.dir(), "in/a.csv").unwrap();
    assert!(matches!(world.inbox.read(&first).await, Err(Failure::Gone)));
    assert!(!world.inbox.settle(&first).await.unwrap(), "what was not handled is not deleted");
    let second = world.complete().await.remove(0);
    assert_ne!(first.id, second.id);
    assert!(world.inbox.settle(&second).await.unwrap());
    assert!(!world.inbox.settle(&second).await.unwrap());
    assert!(world.names("in").is_empty());
}

#[tokio::test]
async fn a_file_is_never_moved_over_another() {
    let world = World::new(true, true);
    for settled in ["1", "2", "3"] {
        world.dir().write("in/a.csv", settled).unwrap();
        let entry = world.complete().await.remove(0);
        assert!(world.inbox.settle(&entry).await.unwrap());
        world.dir().write("in/a.csv", settled).unwrap();
        let entry = world.complete().await.remove(0);
        assert!(world.inbox.fail(&entry).await.unwrap());
    }
    for folder in ["done", "failed"] {
        assert_eq!(world.names(folder), ["a.csv", "a.csv.1", "a.csv.2"]);
        assert_eq!(world.dir().read_to_string(format!("{folder}/a.csv")).unwrap(), "1");
        assert_eq!(world.dir().read_to_string(format!("{folder}/a.csv.2")).unwrap(), "3");
    }
    assert!(world.names("in").is_empty());
}

#[tokio::test]
async fn a_failed_file_without_a_folder_is_marked() {
    let world = World::new(false, false);
    for _ in 0..2 {
        world.dir().write("in/a.csv", "1").unwrap();
        let entry = world.complete().await.remove(0);
        assert!(world.inbox.fail(&entry).await.unwrap());
    }
    assert_eq!(world.names("in"), ["a.csv.1.failed", "a.csv.failed"]);
    assert!(world.complete().await.is_empty());
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read() {
    let world = World::new(false, false);
    world.dir().write("in/a.csv", "0123456789").unwrap();
    world.dir().write("in/b.csv", "0123456789a").unwrap();
    let found = world.complete().await;
    for entry in &found {
        let read = world.inbox.read(entry).await;
        assert_eq!(read.is_ok(), entry.name == "a.csv");
        assert!(read.is_ok() || matches!(read, Err(Failure::TooLarge(10))));
    }
}

#[tokio::test]
async fn a_folder_that_changes_is_noticed() {
    let world = World::new(false, false);
    let pending = |world: &World| {
        let (inbox, clock) = (world.inbox.clone(), world.clock.clone());
        let mut changed = tokio::spawn(async move { inbox.changed().await });
        async move {
            // Looks twice, and is told at the second look at the latest that it looked in vain.
            for _ in 0..2 {
                while !changed.is_finished() && clock.next_wake().is_none() {
                    tokio::task::yield_now().await;
                }
                clock.advance(POLL);
            }
            while !changed.is_finished() && clock.next_wake().is_none() {
                tokio::task::yield_now().await;
            }
            let finished = changed.is_finished();
            changed.abort();
            let _ = (&mut changed).await;
            finished
        }
    };
    assert!(pending(&world).await, "at first all is new");
    assert!(!pending(&world).await, "nothing happened");
    world.dir().write("in/a.csv", "1").unwrap();
    assert!(pending(&world).await, "a file came");
    world.scan().await;
    assert!(pending(&world).await, "it may be complete by now");
    let entry = world.complete().await.remove(0);
    world.inbox.settle(&entry).await.unwrap();
    assert!(pending(&world).await, "it went");
    assert!(!pending(&world).await);
}

#[tokio::test]
async fn files_are_not_moved_where_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let here = || dir(folder.path());
    let options = Options {
        pattern: Pattern::new("*"),
        settled: Settle::Move(here()),
        failed: None,
        max_size: 10,
        stirred: None,
    };
    Inbox::open(here(), options, Arc::new(ManualClock::default())).unwrap_err();
}
