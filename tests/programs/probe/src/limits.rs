//! Everything that an instance can use too much of.

use std::{collections::BTreeMap, hint::black_box};

use mecha_guest::{
    http::{Error, Response},
    wasi::{clocks::monotonic_clock, http::types::Fields},
};

/// Runs for ever without a single call to the host.
pub(crate) fn spin() -> ! {
    loop {
        black_box(());
    }
}

/// Counts so many words, of which there are 4,096, in the order of the alphabet: without a call to the host, and with all
/// that programs are made of.
pub(crate) fn compute(words: u64) -> Result<Response, Error> {
    let mut counts = BTreeMap::<String, u64>::new();
    let mut random = 1_u64;
    for _ in 0..words {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *counts.entry(format!("{:03x}", random >> 52)).or_default() += 1;
    }
    Ok(Response::text(format!("{} words\n", counts.len())))
}

/// Takes memory until there is none, and writes to all of it.
pub(crate) fn grow() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Recurses until the call stack is used up. Nothing of it is in linear memory, for the stack that a compiler keeps
/// there would be used up first, and that is only an access out of bounds. The sum of fractions is no tail call, and
/// its order is not to be changed: it cannot become a loop.
pub(crate) fn overflow(depth: u64) -> f64 {
    if depth == u64::MAX { 1.0 } else { 1.0 / (1.0 + overflow(depth + 1)) }
}

/// Waits for something that does not happen.
pub(crate) fn never() -> Result<Response, Error> {
    monotonic_clock::subscribe_instant(u64::MAX).block();
    Ok(Response::text("the end of time\n"))
}

/// Makes resources and keeps all of them.
pub(crate) fn leak(n: u64) -> Result<Response, Error> {
    let mut kept = Vec::new();
    while (kept.len() as u64) < n {
        kept.push(Fields::new());
    }
    Ok(Response::text(format!("holds {} resources\n", kept.len())))
}

/// Answers with so many bytes of headers, or tells why it cannot.
pub(crate) fn fields(bytes: u64) -> Result<Response, Error> {
    let value = "v".repeat(1 << 10);
    let mut headers = Vec::new();
    let mut left = bytes;
    while left > 0 {
        let (now, _) = value.split_at(usize::try_from(left).unwrap_or(value.len()).min(value.len()));
        headers.push((format!("x-{}", headers.len()), now.to_owned()));
        left -= now.len() as u64;
    }
    // First without an answer: an error of the fields is told, a trap tells itself.
    let fields = Fields::new();
    for (name, value) in &headers {
        if let Err(error) = fields.append(name, value.as_bytes()) {
            return Ok(Response::text(format!("{error:?}\n")));
        }
    }
    let response = Response::text(format!("{} headers\n", headers.len()));
    Ok(headers.iter().fold(response, |response, (name, value)| response.append(name, value)))
}
