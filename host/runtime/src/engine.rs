//! wasmtime engines. A compiled component belongs to one of them.
//!
//! Components run in an engine whose instances come from a pool; one that does not fit the pool runs in an
//! engine that allocates on demand, which is slower but not refused. Each kind exists in a second form that
//! meters fuel, made only when a limit or the operator asks for it: metering is compiled into the code, which then takes up
//! to 35 % longer. Tests have a third form, in which the same component on the same calls uses the same fuel on every machine.

use std::{
    num::NonZero,
    sync::{Mutex, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig};

/// How often a running guest yields to others, and how far apart it may notice its deadline.
const TICK: Duration = Duration::from_millis(4);

/// The version of wasmtime, on which recorded fuel depends.
pub const WASMTIME: &str = "48.0.8";
/// Changes whenever the settings of [`Metering::Exact`] are changed in a way that other fuel may be used.
pub const EXACT: &str = "1";
/// Frames of a guest's stack that are told in a test.
const FRAMES: usize = 100;

/// Address space that the pool may reserve. Far below the 128 TiB of a process; more is a mistake in the limits.
const ADDRESS_SPACE: u64 = 32 << 40;
/// What wasmtime reserves for one memory (4 GiB and guards), so that most bounds checks vanish.
const RESERVED_PER_MEMORY: u64 = (4 << 30) + (64 << 20);

/// How large the pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Instances at once.
    pub slots: u32,
    /// The largest memory limit of any component, in bytes.
    pub memory: u64,
}

impl Settings {
    /// The address space that a pool of this size reserves, in bytes.
    #[must_use]
    pub fn address_space(self) -> u64 {
        u64::from(self.slots) * MEMORIES_PER_SLOT * RESERVED_PER_MEMORY
    }
}

/// A component made by some toolchains has a second memory.
const MEMORIES_PER_SLOT: u64 = 2;
/// Bytes of a slot's memory that stay with it between calls.
const KEEP_RESIDENT: usize = 256 << 10;
/// Core instances (and tables) of one component. One that has more is not for the pool: it would take others' places.
const INSTANCES_PER_SLOT: u32 = 16;

/// Which engine a component is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind {
    pub pooled: bool,
    pub metering: Metering,
}

/// What is compiled into the code to count what it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metering {
    /// Nothing: only time ends a guest.
    #[default]
    None,
    /// Fuel, beside time.
    Fuel,
    /// Fuel alone, and nothing that differs between machines.
    Exact,
}

/// The engines of a host, made when first needed.
#[derive(Debug)]
pub struct Engines {
    settings: Settings,
    engines: [OnceLock<Engine>; 6],
    making: Mutex<()>,
}

impl Engines {
    /// # Errors
    /// If the pool would reserve more address space than a process has.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let wanted = settings.address_space();
        anyhow::ensure!(
            wanted <= ADDRESS_SPACE,
            "{} calls at once would reserve {} GiB of address space; the host reserves at most {} GiB: lower \
             `limits.concurrency`",
            settings.slots,
            wanted >> 30,
            ADDRESS_SPACE >> 30
        );
        // A guest can ask for the text of an error: it must not hold a backtrace of the host.
        wasmtime::error::disable_backtrace();
        Ok(Self { settings, engines: Default::default(), making: Mutex::new(()) })
    }

    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// # Errors
    /// If wasmtime cannot make the engine, as when the pool's address space is not to be had.
    pub fn get(&self, kind: Kind) -> anyhow::Result<&Engine> {
        let slot = &self.engines[usize::from(kind.pooled) * 3 + kind.metering as usize];
        let _once = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = slot.get() {
            return Ok(engine);
        }
        let engine = Engine::new(&config(kind, self.settings))
            .map_err(anyhow::Error::from)
            .context("cannot make a wasmtime engine")?;
        if kind.metering != Metering::Exact {
            tick(&engine).context("cannot start the thread that interrupts guests")?;
        }
        Ok(slot.get_or_init(|| engine))
    }
}

fn config(kind: Kind, settings: Settings) -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(kind.metering != Metering::Exact)
        .consume_fuel(kind.metering != Metering::None)
        // What wasmtime charges without being told, said here: recorded fuel means the same as long as this does.
        .operator_cost(OperatorCost::default())
        .max_wasm_stack(1 << 20)
        .async_stack_size(2 << 20);
    if kind.metering == Metering::Exact {
        // As much of the stack as says where fuel goes.
        config.wasm_backtrace_max_frames(NonZero::new(FRAMES));
        config.cranelift_nan_canonicalization(true).relaxed_simd_deterministic(true);
    }
    if kind.pooled {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(settings)));
    } else {
        // What a memory may grow to, and no 4 GiB for each: nothing bounds how many of these there are at once.
        config.memory_reservation(settings.memory).memory_may_move(true);
    }
    config
}

fn pool(settings: Settings) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let slots = settings.slots;
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(INSTANCES_PER_SLOT))
        .max_core_instances_per_component(INSTANCES_PER_SLOT)
        .total_memories(slots.saturating_mul(MEMORIES_PER_SLOT as u32))
        .max_memories_per_component(MEMORIES_PER_SLOT as u32)
        .total_tables(slots.saturating_mul(INSTANCES_PER_SLOT))
        .max_tables_per_component(INSTANCES_PER_SLOT)
        .total_stacks(slots)
        .max_memory_size(usize::try_from(settings.memory).unwrap_or(usize::MAX))
        // Resetting this much by hand is cheaper than page faults. Where the kernel tells which pages were touched (Linux
        // 6.7), only those are, wherever they are.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10);
    pool
}

/// Advances the engine's epoch for as long as the engine lives.
fn tick(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    thread::Builder::new().name("mecha-epoch".into()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_lock_file() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{WASMTIME}\"")));
    }
}
