//! Durable sets with 32 callers: the embedded engine beside raw redb with the same grouping, on the same disk.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use mecha_backends::embedded::{self, Engine, FileDisk, Options};
use mecha_primitives::{
    clock::{ManualClock, Timestamp},
    commit::{Action, Batch, Change, Engine as _, Record, Unobserved, Version},
    identity::CallId,
};
use redb::{Database, TableDefinition};

use crate::median;

const CALLERS: u32 = 32;
const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(3);
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");

/// Sets of 100 B, each acknowledged when it is durable; the two in turn.
pub fn durable_sets() {
    // Not on /tmp, which may lie in memory: beside the binary.
    let beside = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let folder = tempfile::tempdir_in(beside).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let disk = Arc::new(FileDisk::new(folder.path().join("engine.redb")));
    let engine =
        Engine::new(disk, Arc::new(ManualClock::default()), Arc::new(Unobserved), Options::default());
    let raw = Arc::new(Database::create(folder.path().join("raw.redb")).unwrap());
    let (mut ours, mut theirs) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        theirs.push(raw_redb(&raw));
        ours.push(runtime.block_on(engine_sets(&engine)));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("\ndurable sets of 100 B, {CALLERS} callers, {ROUNDS} rounds of {TIME:?} in turn, medians");
    println!("embedded engine   {ours:>8.0}/s");
    println!("raw redb, grouped {theirs:>8.0}/s   (ratio {:.2})", ours / theirs);
}

async fn engine_sets(engine: &Engine) -> f64 {
    let began = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let mut sets = 0_u32;
                while began.elapsed() < TIME {
                    let key = Bytes::from(format!("app/state/main/{caller}-{sets}"));
                    let version = Version::new(CallId(u128::from(caller)), 1, sets);
                    let value = Bytes::from_static(&[7; 100]);
                    let record = Record { version, expires_at: None, media_type: None, value };
                    let change = Change { key, expect: None, action: Action::Put(record) };
                    engine.commit(Batch { changes: vec![change], ..Batch::default() }).await.unwrap();
                    sets += 1;
                }
                sets
            })
        })
        .collect();
    let mut sets = 0;
    for caller in callers {
        sets += caller.await.unwrap();
    }
    f64::from(sets) / began.elapsed().as_secs_f64()
}

/// Reopening after a crash, at a million values of 1 KiB: the file as it was while the database was open.
pub fn reopen() {
    const VALUES: u32 = 1_000_000;
    let beside = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let folder = tempfile::tempdir_in(beside).unwrap();
    let (path, crashed) = (folder.path().join("database"), folder.path().join("crashed"));
    let database = embedded::Database::open(&FileDisk::new(path.clone()), 256 << 20).unwrap();
    for start in (0..VALUES).step_by(5000) {
        let batches: Vec<_> = (start..start + 5000).map(|n| put(n.swap_bytes(), 1024)).collect();
        database.commit(Timestamp(0), &batches).unwrap();
    }
    std::fs::copy(&path, &crashed).unwrap();
    // The copy is as dirty as a file can be; what a crash leaves has been synced.
    std::fs::File::open(&crashed).unwrap().sync_all().unwrap();
    drop(database);
    let began = Instant::now();
    let database = embedded::Database::open(&FileDisk::new(crashed.clone()), 32 << 20).unwrap();
    let took = began.elapsed();
    assert!(database.snapshot(Timestamp(0)).unwrap().get(&key(0)).unwrap().is_some());
    let size = crashed.metadata().unwrap().len() >> 20;
    println!(
        "\nreopening after a crash, {VALUES} values of 1 KiB ({size} MiB): {:.1} ms",
        took.as_secs_f64() * 1e3
    );
}

fn key(n: u32) -> Bytes {
    format!("app/state/main/{n:08x}").into()
}

fn put(n: u32, size: usize) -> Batch {
    let version = Version::new(CallId(1), 1, n);
    let record = Record { version, expires_at: None, media_type: None, value: vec![7; size].into() };
    let change = Change { key: key(n), expect: None, action: Action::Put(record) };
    Batch { changes: vec![change], ..Batch::default() }
}

type Set = (Vec<u8>, std::sync::mpsc::SyncSender<()>);

/// What one would write by hand: one thread, one transaction for all that is queued, nothing checked or counted.
fn raw_redb(database: &Arc<Database>) -> f64 {
    let (queue, sets) = sync_channel::<Set>(4096);
    let writer = std::thread::spawn({
        let database = database.clone();
        move || write(&database, &sets)
    });
    let began = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let queue = queue.clone();
            std::thread::spawn(move || {
                let mut sets = 0_u32;
                while began.elapsed() < TIME {
                    let (reply, done) = sync_channel(1);
                    queue.send((format!("app/state/main/{caller}-{sets}").into_bytes(), reply)).unwrap();
                    done.recv().unwrap();
                    sets += 1;
                }
                sets
            })
        })
        .collect();
    drop(queue);
    let sets: u32 = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
    writer.join().unwrap();
    f64::from(sets) / began.elapsed().as_secs_f64()
}

fn write(database: &Database, sets: &Receiver<Set>) {
    while let Ok(first) = sets.recv() {
        let mut group = vec![first];
        group.extend(sets.try_iter().take(511));
        let mut txn = database.begin_write().unwrap();
        txn.set_quick_repair(true);
        {
            let mut table = txn.open_table(TABLE).unwrap();
            for (key, _) in &group {
                table.insert(key.as_slice(), [7_u8; 100].as_slice()).unwrap();
            }
        }
        txn.commit().unwrap();
        for (_, reply) in group {
            _ = reply.send(());
        }
    }
}
