use std::{collections::BTreeMap, path, sync::Arc};

use cap_std::{ambient_authority, fs::Dir};
use mecha_primitives::bindings::{Output as _, conformance::Fixture};
use rustix::fs::FileType;

use super::*;

struct World {
    outside: tempfile::TempDir,
    output: Arc<Output>,
}

impl World {
    fn new() -> Self {
        let outside = tempfile::tempdir().unwrap();
        let base = Dir::open_ambient_dir(outside.path(), ambient_authority()).unwrap();
        base.create_dir("inside").unwrap();
        base.write("secret", "secret").unwrap();
        let inside = base.open_dir("inside").unwrap();
        inside.write("there.txt", "there").unwrap();
        Self { outside, output: Arc::new(Output::new(inside, "receipts", 100)) }
    }

    fn base(&self) -> Dir {
        Dir::open_ambient_dir(self.outside.path(), ambient_authority()).unwrap()
    }

    async fn ask(&self, operation: &str, metadata: &[(&str, &str)], data: &str) -> Result<Response, Error> {
        self.output.invoke(request(operation, metadata, data)).await
    }

    /// What a page has, as `path` or `path…` with the cursor behind it.
    async fn list(&self, metadata: &[(&str, &str)]) -> String {
        let page = self.ask("list", metadata, "").await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&page.data.unwrap()).unwrap();
        let paths = json.as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap().to_owned());
        let after = page.metadata.iter().map(|(key, value)| format!("{key}={value}"));
        paths.chain(after).collect::<Vec<_>>().join(" ")
    }
}

fn request(operation: &str, metadata: &[(&str, &str)], data: &str) -> Request {
    Request {
        operation: operation.into(),
        data: data.to_owned().into(),
        metadata: metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..Request::default()
    }
}

impl Fixture for World {
    fn output(&self) -> Arc<dyn bindings::Output> {
        self.output.clone()
    }

    fn example(&self, operation: &str) -> Request {
        match operation {
            "list" => request("list", &[("prefix", "th")], ""),
            "create" => request("create", &[("path", "new/file"), ("if-exists", "replace")], "data"),
            other => request(other, &[("path", "there.txt")], ""),
        }
    }

    fn world(&self) -> String {
        fn files(dir: &Dir, path: &path::Path, all: &mut BTreeMap<path::PathBuf, Option<Vec<u8>>>) {
            for entry in dir.entries().unwrap() {
                let entry = entry.unwrap();
                let below = path.join(entry.file_name());
                if entry.file_type().unwrap().is_dir() {
                    files(&entry.open_dir().unwrap(), &below, all);
                    all.insert(below, None);
                } else {
                    all.insert(below, dir.read(entry.file_name()).ok());
                }
            }
        }
        let mut all = BTreeMap::new();
        files(&self.base(), path::Path::new(""), &mut all);
        format!("{all:?}")
    }
}

mod laws {
    use super::World;

    mecha_primitives::bindings_conformance!(World::new());
}

fn code(answer: Result<Response, Error>) -> String {
    match answer {
        Ok(_) => "ok".into(),
        Err(Error::Rejected { code, .. }) => code,
        Err(other) => other.class().to_string(),
    }
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_created() {
    let world = World::new();
    let path = [("path", "2026/11/a.txt")];
    assert_eq!(code(world.ask("create", &path, "one").await), "ok");
    assert_eq!(world.ask("get", &path, "").await.unwrap().data.unwrap(), "one");
    assert_eq!(code(world.ask("create", &path, "two").await), "exists");
    assert_eq!(world.ask("get", &path, "").await.unwrap().data.unwrap(), "one");
    let replace = [path[0], ("if-exists", "replace")];
    assert_eq!(code(world.ask("create", &replace, "two").await), "ok");
    assert_eq!(world.ask("get", &path, "").await.unwrap().data.unwrap(), "two");
    assert_eq!(code(world.ask("create", &[path[0], ("if-exists", "append")], "").await), "invalid");
    assert_eq!(code(world.ask("delete", &path, "").await), "ok");
    assert_eq!(code(world.ask("delete", &path, "").await), "ok", "deleting twice is no error");
    assert_eq!(code(world.ask("delete", &[("path", "no/such/folder")], "").await), "ok");
    assert_eq!(code(world.ask("get", &path, "").await), "not-found");
    let left = world.base().read_dir("inside/2026/11").unwrap().count();
    assert_eq!(left, 0, "no temporary file stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_create_a_file_one_does() {
    let world = Arc::new(World::new());
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let world = world.clone();
            tokio::spawn(async move { world.ask("create", &[("path", "d/one")], &n.to_string()).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn no_path_and_no_link_leads_outside() {
    let world = World::new();
    let inside = world.base().open_dir("inside").unwrap();
    inside.symlink_contents("../secret", "link").unwrap();
    inside.symlink_contents(world.outside.path(), "absolute").unwrap();
    inside.symlink_contents("..", "up").unwrap();
    inside.symlink_contents("loop", "loop").unwrap();
    inside.symlink_contents("/dev", "dev").unwrap();
    let before = world.world();
    for path in [
        "../secret",
        "/etc/passwd",
        "a/../../secret",
        "a\0b",
        "up/secret",
        "absolute/secret",
        "up/new",
        "link",
        "loop",
        "loop/a",
        "dev/null",
        "up/inside/../secret",
        "there.txt/a",
    ] {
        let long = [("path", path)];
        assert_ne!(code(world.ask("get", &long, "").await), "ok", "get {path}");
        assert_ne!(code(world.ask("create", &long, "x").await), "ok", "create {path}");
    }
    for path in ["up/secret", "absolute/secret", "dev/null"] {
        assert_eq!(code(world.ask("delete", &[("path", path)], "").await), "not-permitted", "delete {path}");
        let replace = [("path", path), ("if-exists", "replace")];
        assert_eq!(code(world.ask("create", &replace, "x").await), "not-permitted", "replace {path}");
    }
    assert_eq!(world.world(), before);
    assert_eq!(world.list(&[]).await, "there.txt", "no link is listed, and none followed");
    // What is named is the link, never what it leads to.
    assert_eq!(code(world.ask("create", &[("path", "link"), ("if-exists", "replace")], "x").await), "ok");
    assert_eq!(code(world.ask("delete", &[("path", "absolute")], "").await), "ok");
    assert_eq!(world.base().read_to_string("secret").unwrap(), "secret");
}

/// A folder that is swapped for a link again and again, while files are created below it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_that_is_swapped_for_a_link_leads_nowhere() {
    let world = World::new();
    world.base().create_dir("elsewhere").unwrap();
    let (base, inside) = (world.base(), world.base().open_dir("inside").unwrap());
    inside.create_dir("folder").unwrap();
    inside.symlink_contents("../elsewhere", "link").unwrap();
    let swap = || {
        let flags = rustix::fs::RenameFlags::EXCHANGE;
        rustix::fs::renameat_with(&inside, "folder", &inside, "link", flags).unwrap();
    };
    for round in 0..200 {
        let path = format!("folder/{round}");
        let metadata = [("path", path.as_str())];
        let create = world.ask("create", &metadata, "x");
        let swapping = async {
            for _ in 0..=round % 5 {
                swap();
                tokio::task::yield_now().await;
            }
        };
        let _ = tokio::join!(create, swapping);
    }
    assert_eq!(base.read_dir("elsewhere").unwrap().count(), 0, "a file was created outside");
}

#[tokio::test]
async fn special_files_are_refused_without_waiting() {
    let world = World::new();
    let inside = world.base().open_dir("inside").unwrap();
    rustix::fs::mknodat(&inside, "fifo", FileType::Fifo, 0o600.into(), 0).unwrap();
    inside.create_dir("folder").unwrap();
    for path in ["fifo", "folder"] {
        assert_eq!(code(world.ask("get", &[("path", path)], "").await), "not-a-file", "{path}");
        assert_eq!(code(world.ask("delete", &[("path", path)], "").await), "not-a-file", "{path}");
        let replace = [("path", path), ("if-exists", "replace")];
        assert_eq!(code(world.ask("create", &replace, "x").await), "not-a-file", "{path}");
    }
    assert_eq!(world.list(&[]).await, "there.txt");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read() {
    let world = World::new();
    for (size, expected) in [(100, "ok"), (101, "too-large")] {
        let metadata = [("path", "large"), ("if-exists", "replace")];
        world.ask("create", &metadata, &"x".repeat(size)).await.unwrap();
        assert_eq!(code(world.ask("get", &metadata[..1], "").await), expected);
    }
}

#[tokio::test]
async fn listings_are_sorted_and_their_pages_gapless() {
    let world = World::new();
    for path in ["a/z", "a.b", "a/b/c", "b", "a-1"] {
        world.ask("create", &[("path", path)], "x").await.unwrap();
    }
    world.base().write("inside/.mecha-1-1.tmp", "x").unwrap();
    assert_eq!(world.list(&[]).await, "a-1 a.b a/b/c a/z b there.txt");
    assert_eq!(world.list(&[("limit", "2")]).await, "a-1 a.b after=a.b");
    assert_eq!(world.list(&[("limit", "2"), ("after", "a.b")]).await, "a/b/c a/z after=a/z");
    assert_eq!(world.list(&[("limit", "2"), ("after", "a/z")]).await, "b there.txt");
    assert_eq!(world.list(&[("prefix", "a/")]).await, "a/b/c a/z");
    assert_eq!(world.list(&[("prefix", "a/b")]).await, "a/b/c");
    assert_eq!(world.list(&[("prefix", "../")]).await, "");
    for limit in ["0", "1001", "-1", "x"] {
        assert_eq!(code(world.ask("list", &[("limit", limit)], "").await), "invalid");
    }
}
