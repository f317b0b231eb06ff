//! What one call may use. Every call has all of these; none can be switched off.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// The limits of a component's calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of the instance as a whole, in bytes.
    pub memory: u64,
    /// From the beginning of the call to the end of its body.
    pub wall_time: Duration,
    /// Calls in flight.
    pub concurrency: u32,
    /// Instructions, in wasmtime's fuel, unless the call's identity says another number. Needs an engine that meters.
    pub fuel: Option<u64>,
    /// Largest request body, in bytes.
    pub request_body: Option<u64>,
    /// Request and response headers, in bytes, and every other set of fields that the component makes.
    pub headers: u64,
    /// Resources that the component holds at once.
    pub handles: u32,
    /// Bytes that the component may log in a second; what is beyond is dropped and counted.
    pub stdio: u64,
    /// Random bytes in one request.
    pub random: u64,
    /// Request body and answer of a call whose answer is held, in bytes.
    pub held_body: u64,
    /// Request and response of an invoke, in bytes.
    pub invoke_payload: u64,
}

/// Bytes that may cross from a guest to the host in one host call, as a bound on what a hostile list or string
/// makes the host allocate.
pub(crate) const HOSTCALL_BYTES: usize = 8 << 20;
/// Chunk of a body that a guest writes at once.
pub(crate) const BODY_CHUNK: usize = 64 << 10;
/// Elements of one table, and what each takes of the memory limit, in bytes.
const TABLE_ELEMENTS: usize = 100_000;
const TABLE_ELEMENT: u64 = 8;
/// Core instances (and tables) that one component consists of. Those that larger toolchains make have about thirty.
const INSTANCES: usize = 100;
/// Memories of one component, each of which reserves address space.
pub(crate) const MEMORIES: usize = 8;

/// Watches the memory of one call.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: u64,
    left: u64,
    /// Whether growth was refused: a guest that dies after that died of it.
    pub(crate) refused: bool,
}

impl Meter {
    pub(crate) fn new(memory: u64) -> Self {
        Self { limit: memory, left: memory, refused: false }
    }

    /// What has been given out, in bytes.
    pub(crate) fn used(&self) -> u64 {
        self.limit - self.left
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current) as u64;
        let fits = growth <= self.left;
        if fits && maximum.is_none_or(|maximum| desired <= maximum) {
            self.left -= growth;
            return Ok(true);
        }
        self.refused |= !fits;
        Ok(false)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = (desired.saturating_sub(current) as u64).saturating_mul(TABLE_ELEMENT);
        let fits = growth <= self.left;
        if fits && desired <= TABLE_ELEMENTS {
            self.left -= growth;
            return Ok(true);
        }
        self.refused |= !fits;
        Ok(false)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        INSTANCES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}
