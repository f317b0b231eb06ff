//! What a call sees of WASI: clocks and randomness always, environment and directories as granted, no sockets.

use std::{os::fd::AsRawFd as _, sync::Arc, time::Duration};

use mecha_primitives::clock::Clock;
use rand::RngExt as _;
use wasmtime_wasi::{FsPerms, HostMonotonicClock, HostWallClock, WasiCtx};

use crate::{call::Call, stdio::Lines};

pub(crate) fn context(call: &Call) -> WasiCtx {
    let Call { identity, shared } = call;
    let random = &shared.services.random;
    let mut builder = WasiCtx::builder();
    builder
        .stdout(Lines::new("stdout", call.clone()))
        .stderr(Lines::new("stderr", call.clone()))
        .wall_clock(Wall(shared.services.clock.clone()))
        .secure_random(random())
        .insecure_random(random())
        .insecure_random_seed(u128::from_le_bytes(random().random()))
        .max_random_size(shared.limits.random)
        .envs(&shared.grants.env)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    if shared.services.virtual_time {
        builder.monotonic_clock(Steady(shared.services.clock.clone()));
    }
    for directory in &shared.grants.directories {
        let perms = if directory.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        // The way to the folder that was opened at load, wherever it is now.
        let folder = format!("/proc/self/fd/{}", directory.host.as_raw_fd());
        if let Err(error) = builder.preopened_dir(folder, &directory.guest, perms) {
            tracing::error!(
                app = %identity.app, component = %identity.component, directory = directory.guest, %error,
                "a granted directory cannot be opened"
            );
        }
    }
    builder.build()
}

/// The host's clock as a guest sees it. Its resolution is a millisecond, which also blunts timing attacks.
struct Wall(Arc<dyn Clock>);

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now().0)
    }
}

/// The same clock as the monotonic one, in nanoseconds.
struct Steady(Arc<dyn Clock>);

impl HostMonotonicClock for Steady {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        self.0.now().0.saturating_mul(1_000_000)
    }
}
