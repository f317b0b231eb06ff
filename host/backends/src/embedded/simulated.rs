//! A disk in memory that fails as real ones do, and always in the same way for the same seed.
//!
//! What was written is durable after a sync, and until then any part of it, down to single sectors, may
//! be lost when the power fails. On demand it returns I/O errors, fails a sync (and forgets data with
//! it), is full, stalls, or lies about its syncs.

mod image;

use std::{
    fmt, io,
    ops::Bound,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use rand::{SeedableRng as _, rngs::StdRng};
use redb::{BackendError, StorageBackend};

use self::image::Image;
use super::Disk;

/// What goes wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power fails: everything fails until [`SimDisk::restart`].
    Crash,
    /// This operation fails. A write may have happened in part.
    Error,
    /// The next sync fails, whenever it comes, and what was to be synced may be lost.
    FailSync,
}

/// A handle to a simulated disk, which outlives crashes.
#[derive(Clone)]
pub struct SimDisk(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    released: Condvar,
}

struct State {
    image: Image,
    rng: StdRng,
    /// The fault to come, and after how many more operations.
    plan: Option<(u64, Fault)>,
    capacity: Option<usize>,
    lying: bool,
    stalling: bool,
    stalled: usize,
    down: bool,
    /// Counts openings: only the handle that was opened last may be in use, and only it holds the lock.
    handles: u64,
    locked: Option<u64>,
    /// Handles up to this one were open when the power failed.
    dead: u64,
    faults: u64,
    crashes: u64,
    operations: u64,
    trace: blake3::Hasher,
}

impl SimDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            image: Image::default(),
            rng: StdRng::seed_from_u64(seed),
            plan: None,
            capacity: None,
            lying: false,
            stalling: false,
            stalled: 0,
            down: false,
            handles: 0,
            locked: None,
            dead: 0,
            faults: 0,
            crashes: 0,
            operations: 0,
            trace: blake3::Hasher::new(),
        };
        Self(Arc::new(Shared { state: Mutex::new(state), released: Condvar::new() }))
    }

    /// Lets `fault` happen after so many more operations; it replaces one that has not happened yet.
    pub fn plan(&self, after: u64, fault: Fault) {
        self.lock().plan = Some((after, fault));
    }

    /// Takes back what was planned.
    pub fn heal(&self) {
        let mut state = self.lock();
        (state.plan, state.capacity) = (None, None);
    }

    /// The file cannot grow by more than this.
    pub fn leave_room(&self, bytes: usize) {
        let mut state = self.lock();
        state.capacity = Some(state.image.len() + bytes);
    }

    /// From now on syncs do nothing and report success.
    pub fn lie(&self) {
        self.lock().lying = true;
    }

    /// Lets syncs wait until they are released.
    pub fn stall_syncs(&self, stalling: bool) {
        self.lock().stalling = stalling;
        self.0.released.notify_all();
    }

    /// How many syncs are waiting.
    #[must_use]
    pub fn stalled(&self) -> usize {
        self.lock().stalled
    }

    /// The power fails now.
    pub fn crash(&self) {
        self.lock().crash();
    }

    /// The power is back: what survived can be opened.
    pub fn restart(&self) {
        self.lock().down = false;
    }

    #[must_use]
    pub fn is_down(&self) -> bool {
        self.lock().down
    }

    /// How many faults have happened; each error that a program sees has one before it.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.lock().faults
    }

    /// How many of the faults were crashes.
    #[must_use]
    pub fn crashes(&self) -> u64 {
        self.lock().crashes
    }

    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// A digest of every operation so far, with its data.
    #[must_use]
    pub fn trace(&self) -> u64 {
        let digest = self.lock().trace.finalize();
        digest.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimDisk")
    }
}

impl fmt::Display for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated disk")
    }
}

impl Disk for SimDisk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let mut state = self.lock();
        if state.down {
            return Err(io::Error::other("the power is off"));
        }
        state.handles += 1;
        Ok(Box::new(SimFile { disk: self.clone(), handle: state.handles }))
    }
}

impl State {
    fn crash(&mut self) {
        let Self { image, rng, .. } = self;
        image.crash(rng);
        (self.down, self.dead, self.locked, self.plan) = (true, self.handles, None, None);
        self.faults += 1;
        self.crashes += 1;
    }

    /// Counts an operation, and says whether a fault meets it.
    fn operation(&mut self, handle: u64, what: (&str, u64, &[u8])) -> io::Result<Option<Fault>> {
        if self.down || handle <= self.dead {
            return Err(io::Error::other("the power is off"));
        }
        self.operations += 1;
        let (name, offset, data) = what;
        let lengths = [offset, data.len() as u64].map(u64::to_be_bytes).concat();
        self.trace.update(name.as_bytes()).update(&lengths).update(data);
        let Some((after, fault)) = self.plan else { return Ok(None) };
        if after > 0 {
            self.plan = Some((after - 1, fault));
            return Ok(None);
        }
        if fault == Fault::FailSync && what.0 != "sync" {
            return Ok(None);
        }
        self.plan = None;
        // A crash counts itself.
        self.faults += u64::from(fault != Fault::Crash);
        Ok(Some(fault))
    }

    fn grow(&mut self, len: usize) -> io::Result<()> {
        if self.capacity.is_some_and(|capacity| len > capacity.max(self.image.len())) {
            self.faults += 1;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

/// One opening of the disk's file.
struct SimFile {
    disk: SimDisk,
    handle: u64,
}

impl SimFile {
    fn failed(state: &mut State, fault: Fault) -> io::Error {
        if fault == Fault::Crash {
            state.crash();
        }
        io::Error::other(format!("simulated: {fault:?}"))
    }
}

/// As with a file: its locks go with the last handle.
impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.lock().locked.take_if(|holder| *holder == self.handle);
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimFile({})", self.handle)
    }
}

impl StorageBackend for SimFile {
    fn len(&self) -> io::Result<u64> {
        let state = self.disk.lock();
        if state.down || self.handle <= state.dead {
            return Err(io::Error::other("the power is off"));
        }
        Ok(state.image.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        if let Some(fault) = state.operation(self.handle, ("read", offset, &out.len().to_be_bytes()))? {
            return Err(Self::failed(&mut state, fault));
        }
        if !state.image.read(place(offset), out) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        if let Some(fault) = state.operation(self.handle, ("set_len", len, &[]))? {
            return Err(Self::failed(&mut state, fault));
        }
        state.grow(place(len))?;
        state.image.set_len(place(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        if let Some(fault) = state.operation(self.handle, ("sync", 0, &[]))? {
            if fault != Fault::Crash {
                let State { image, rng, .. } = &mut *state;
                image.fail_sync(rng);
            }
            return Err(Self::failed(&mut state, fault));
        }
        state.stalled += 1;
        let released = self.disk.0.released.wait_while(state, |state| state.stalling);
        let mut state = released.unwrap_or_else(PoisonError::into_inner);
        state.stalled -= 1;
        if !state.lying {
            state.image.sync();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        let fault = state.operation(self.handle, ("write", offset, data))?;
        state.grow(place(offset) + data.len())?;
        let State { image, rng, .. } = &mut *state;
        match fault {
            None => image.write(place(offset), data),
            Some(fault) => {
                image.write_torn(place(offset), data, rng);
                return Err(Self::failed(&mut state, fault));
            }
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.disk.lock().locked.take_if(|holder| *holder == self.handle);
        Ok(())
    }

    /// As a file without byte ranges: only all of it can be locked.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if !matches!(start, Bound::Unbounded | Bound::Included(0)) || end != Bound::Unbounded {
            return Err(BackendError::Unsupported);
        }
        let mut state = self.disk.lock();
        let free = state.locked.is_none();
        if free {
            state.locked = Some(self.handle);
        }
        Ok(free)
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        self.close().map_err(|_| BackendError::Unsupported)
    }
}

/// A simulated disk is small.
fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
