//! The bytes of a simulated disk: what a program sees, what is durable, and what is on its way.

use rand::{RngExt as _, rngs::StdRng};

/// What a disk writes as a whole or not at all, in bytes.
const SECTOR: usize = 512;

/// An operation that no sync has confirmed yet.
#[derive(Debug, Clone)]
enum Unsynced {
    Write { at: usize, data: Vec<u8> },
    SetLen(usize),
}

/// What became of an unsynced operation when the sync failed.
#[derive(Clone, Copy)]
enum Fate {
    /// It had reached the disk before the failure.
    Durable,
    /// It is still dirty in the cache: the next sync writes it.
    Dirty,
    /// The cache still shows it, and holds it for clean: no sync writes it any more.
    Forgotten,
    /// The cache has dropped it: the old bytes are back.
    Evicted,
}

#[derive(Debug, Default)]
pub(super) struct Image {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Unsynced>,
}

impl Image {
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn read(&self, at: usize, out: &mut [u8]) -> bool {
        let Some(bytes) = self.live.get(at..at + out.len()) else { return false };
        out.copy_from_slice(bytes);
        true
    }

    pub(super) fn write(&mut self, at: usize, data: &[u8]) {
        if at + data.len() > self.live.len() {
            self.set_len(at + data.len());
        }
        self.live[at..at + data.len()].copy_from_slice(data);
        self.unsynced.push(Unsynced::Write { at, data: data.to_vec() });
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.live.resize(len, 0);
        self.unsynced.push(Unsynced::SetLen(len));
    }

    /// Writes only a part, as a write does that fails.
    pub(super) fn write_torn(&mut self, at: usize, data: &[u8], rng: &mut StdRng) {
        for (start, end) in sectors(at, data.len()) {
            if rng.random() {
                self.write(start, &data[start - at..end - at]);
            }
        }
    }

    pub(super) fn sync(&mut self) {
        for operation in std::mem::take(&mut self.unsynced) {
            keep(&mut self.durable, &operation);
        }
    }

    /// A sync that fails. After it nothing may be assumed of what was not synced before.
    pub(super) fn fail_sync(&mut self, rng: &mut StdRng) {
        for operation in std::mem::take(&mut self.unsynced) {
            let Unsynced::Write { at, data } = &operation else {
                // A length is metadata, which file systems keep in order.
                self.unsynced.push(operation);
                continue;
            };
            let fates = [Fate::Durable, Fate::Dirty, Fate::Forgotten, Fate::Evicted];
            match fates[rng.random_range(0..4)] {
                Fate::Durable => {
                    keep(&mut self.durable, &operation);
                    // It is durable only as far as the file reaches there.
                    self.unsynced.push(operation);
                }
                Fate::Dirty => self.unsynced.push(operation),
                Fate::Forgotten => {}
                Fate::Evicted => {
                    for place in *at..(at + data.len()).min(self.live.len()) {
                        self.live[place] = self.durable.get(place).copied().unwrap_or(0);
                    }
                }
            }
        }
    }

    /// The power fails: of what was not synced, any part may have reached the disk.
    ///
    /// Order needs no simulation of its own: a sector that was written twice ends as either write left
    /// it, or as it was before, and that is what choosing among the writes gives.
    pub(super) fn crash(&mut self, rng: &mut StdRng) {
        let kept = [0.0, 0.1, 0.5, 0.9, 1.0][rng.random_range(0..5)];
        let torn = [0.0, 0.2, 1.0][rng.random_range(0..3)];
        for operation in std::mem::take(&mut self.unsynced) {
            if !rng.random_bool(kept) {
                continue;
            }
            match &operation {
                Unsynced::Write { at, data } if rng.random_bool(torn) => {
                    for (start, end) in sectors(*at, data.len()) {
                        if rng.random() {
                            let data = data[start - at..end - at].to_vec();
                            keep(&mut self.durable, &Unsynced::Write { at: start, data });
                        }
                    }
                }
                _ => keep(&mut self.durable, &operation),
            }
        }
        self.live.clone_from(&self.durable);
    }
}

/// The sectors that a range touches, cut to the range.
fn sectors(at: usize, len: usize) -> impl Iterator<Item = (usize, usize)> {
    let end = at + len;
    (at / SECTOR..end.div_ceil(SECTOR)).map(move |n| (at.max(n * SECTOR), end.min((n + 1) * SECTOR)))
}

/// A write behind the end is lost: nothing durable says that the file reaches there.
fn keep(image: &mut Vec<u8>, operation: &Unsynced) {
    match operation {
        Unsynced::SetLen(len) => image.resize(*len, 0),
        Unsynced::Write { at, data } if *at < image.len() => {
            let end = image.len().min(at + data.len());
            image[*at..end].copy_from_slice(&data[..end - at]);
        }
        Unsynced::Write { .. } => {}
    }
}
