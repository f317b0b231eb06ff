//! The stack of a guest, read from the story of how its call ended.

use super::fuel::frame::Frame;

/// The frames that a fault's detail tells of, the innermost first. wasmtime writes them as
/// `  3:   0x1f2e - shop.wasm!shop::handle`.
#[must_use]
pub fn frames(component: &str, detail: &str) -> Vec<Frame> {
    let lines = detail.lines().filter_map(|line| {
        let (number, rest) = line.trim_start().split_once(':')?;
        number.parse::<u32>().ok()?;
        let (offset, function) = rest.trim_start().split_once(" - ")?;
        offset.starts_with("0x").then_some(function)
    });
    // What comes before the first `!` is the module: a component has several, and the name says little.
    let named = |function: &str| match function.split_once('!') {
        Some((_, function)) => Frame::new(component, function),
        None => Frame::new(component, function),
    };
    lines.map(named).collect()
}

/// The same without what a language's runtime does once it has found that something is wrong: the first frame is the one
/// that did it.
#[must_use]
pub fn telling(frames: Vec<Frame>) -> Vec<Frame> {
    let is_runtime = |frame: &Frame| {
        let name = frame.function.trim_start_matches('<');
        ["abort", "std::", "core::", "alloc::", "__rustc::", "__rust_", "rust_"]
            .iter()
            .any(|part| name.starts_with(part))
    };
    let first = frames.iter().position(|frame| !is_runtime(frame)).unwrap_or_default();
    frames.into_iter().skip(first).collect()
}

/// What ended a call, in one line: the last of what is said.
#[must_use]
pub fn cause(detail: &str) -> &str {
    let last = detail.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    last.strip_prefix("wasm trap: ").unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_among_what_else_is_said() {
        let detail = "error while executing at wasm backtrace:\n    0:   0x1b9c - hello.wasm!core::fmt::write::h0123456789abcdef\n    1:     0x2a - <unknown>!<wasm function 7>\n      at src/lib.rs:3\n\nCaused by:\n    wasm trap: all fuel consumed by WebAssembly\n";
        let frames = frames("hello", detail);
        let functions: Vec<_> = frames.iter().map(|frame| frame.function.as_str()).collect();
        assert_eq!(functions, ["core::fmt::write", "<wasm function 7>"]);
        assert!(frames.iter().all(|frame| frame.component == "hello"));
    }
}
