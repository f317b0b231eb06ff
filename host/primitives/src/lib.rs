//! The vocabulary of mecha-host.
//!
//! What a name is, what can go wrong, what time it is, how a durable change is made; and for each
//! primitive a trait with its laws, its errors and its wrappers. Nothing here knows WebAssembly,
//! HTTP, a file system or any clock but the one that it is given.
//!
//! | module | idea |
//! |---|---|
//! | [`name`] | names that cannot make a key ambiguous |
//! | [`address`] | which addresses are public |
//! | [`bindings`] | reaching systems outside of the host |
//! | [`class`] | what a caller can do about an error |
//! | [`clock`] | time as an argument |
//! | [`identity`] | who a call is made for, by whom, and until when |
//! | [`commit`] | the one write path: a batch, and an engine that commits it |
//! | [`random`] | randomness as an argument |
//! | [`delivery`] | what is leased, tried again and settled: the shape of events, ticks and inputs |
//! | [`pubsub`] | events, and which of them a subscription wants |
//! | [`invoke`] | calls from component to component |
//! | [`jobs`] | work at a given time, once or again and again |
//! | [`idempotency`] | the first answer again, for a request that is sent again |
//! | [`state`] | keys and values that outlive any instance |
//! | [`mod@unit`] | what an atomic call reads and writes, as one batch |

pub mod address;
pub mod bindings;
pub mod class;
pub mod clock;
pub mod commit;
pub mod delivery;
pub mod idempotency;
pub mod identity;
pub mod invoke;
pub mod jobs;
pub mod name;
pub mod pubsub;
pub mod random;
pub mod state;
pub mod unit;
