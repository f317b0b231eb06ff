//! Golden messages: all that `check` says of an app whose components are wrong. The manifest is here, what is
//! printed lies in `tests/messages`. With `UPDATE_MESSAGES=1` in the environment that is written anew.

use std::fs;

use mecha_tests::host::{App, guest, mecha, output, project, serve};

/// A manifest with one component.
fn one(lines: &str) -> App {
    App::new(&format!("name: shop\ncomponents:\n  cart:\n    source: app.wasm\n    http: [/]\n{lines}"))
}

fn program(name: &str) -> Vec<u8> {
    fs::read(project().join("tests/programs/wat").join(name)).unwrap()
}

fn compiled(name: &str) -> Vec<u8> {
    fs::read(guest(name)).unwrap()
}

/// Each case: an app, and further arguments of `check`.
macro_rules! messages {
    ($($case:ident: $app:expr, $args:expr;)*) => {$(
        #[test]
        fn $case() {
            assert_message(stringify!($case), &$app, &$args);
        }
    )*};
}

messages! {
    source_missing: one(""), [];
    source_missing_with_build: one("    build: make cart\n"), [];
    source_is_a_folder: one("").with_file("app.wasm/file", ""), [];
    source_is_text: one("").with_file("app.wasm", "hello, world\n"), [];
    source_is_empty: one("").with_file("app.wasm", ""), [];
    source_is_an_elf: one("").with_file("app.wasm", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0"), [];
    source_is_a_core_module: one("").with_file("app.wasm", program("core.wat")), [];
    source_is_a_binary_core_module: one("").with_file("app.wasm", b"\0asm\x01\0\0\0"), [];
    source_of_another_version: one("").with_file("app.wasm", b"\0asm\x0c\0\x02\0"), [];
    source_cut_short: one("").with_file("app.wasm", b"\0asm\x0d\0\x01\0\0\x64\x04name"), [];
    source_with_garbage: one("").with_file("app.wasm", b"\0asm\x0d\0\x01\0garbage behind the head"), [];
    source_text_with_a_slip: one("").with_file("app.wasm", "(component\n  (import \"x\" (func)\n"), [];
    imports_unknown: one("").with_file("app.wasm", program("imports-unknown.wat")), [];
    imports_of_other_versions: one("").with_file(
        "app.wasm",
        "(component (type $some (instance (export \"f\" (func))))
           (import \"wasi:http/types@0.3.0\" (instance (type $some)))
           (import \"wasi:random/better@0.2.0\" (instance (type $some)))
           (import \"mecha:state/stores@0.2.0\" (instance (type $some))) (instance $none)
           (export \"wasi:http/incoming-handler@0.2.0\" (instance $none)))",
    ), [];
    route_without_handler: one("").with_file("app.wasm", program("no-handler.wat")), [];
    nothing_granted: App::new(
        "name: shop\ncomponents:\n  cart: { source: keeper.wasm, http: [/cart] }\n  \
         probe: { source: probe.wasm, http: [/probe] }\n",
    ).with_file("keeper.wasm", compiled("keeper")).with_file("probe.wasm", compiled("probe")), [];
    nothing_granted_strictly: one("").with_file("app.wasm", compiled("keeper")), ["--strict"];
    grants_unused: one(UNUSED).with_file("app.wasm", program("hello.wat")), [];
    directory_missing: one(
        "    directories:\n      - { host: ./public, guest: /public }\n      - { host: app.wasm, guest: /file }\n",
    ).with_file("app.wasm", compiled("probe")), [];
    pool_too_large: one("    limits: { concurrency: 100000 }\n").with_file("app.wasm", compiled("hello")), [];
    many_at_once: App::new(
        "name: shop\ncomponents:\n  one: { source: never.wasm, http: [/one] }\n  \
         two: { source: two.wat, http: [/two, /zwei] }\n  three: { source: three.wat, http: [/three] }\n  \
         four: { source: four.wasm, http: [/four], directories: [{ host: nowhere, guest: /x }] }\n",
    )
    .with_file("two.wat", program("no-handler.wat"))
    .with_file("three.wat", program("imports-unknown.wat"))
    .with_file("four.wasm", compiled("probe")), [];
    memory_below_its_beginning: one("    limits: { memory: 1MiB }\n").with_file(
        "app.wasm",
        answering("(core module (memory 1)) (core module (memory 128))"),
    ), [];
    handlers_missing: App::new(HANDLERS).with_file("none.wat", program("no-handler.wat")), [];
    handlers_of_batches: App::new(BATCHES).with_file("batches.wat", exporting("mecha:pubsub/batch-handler@0.1.0")), [];
    primitives_not_granted: one("").with_file("app.wasm", answering(
        "(import \"mecha:pubsub/topics@0.1.0\" (instance)) (import \"mecha:invoke/targets@0.1.0\" (instance))
         (import \"mecha:bindings/outputs@0.1.0\" (instance)) (import \"mecha:jobs/scheduler@0.1.0\" (instance))",
    )), [];
    primitives_unused: App::new(UNUSED_PRIMITIVES).with_file("hello.wat", program("hello.wat")), [];
    types_only: one("").with_file("app.wasm", answering(
        "(import \"acme:pricing/types@1.0.0\" (instance (type $u64 u64) (export \"amount\" (type (eq $u64)))))",
    )), ["--strict"];
    link_fits: linked("acme:pricing/quotes", "(func (param \"item\" string) (result u64))"), ["--strict"];
    link_differs: linked("acme:pricing/quotes@1.0.0", "(func (param \"item\" string) (param \"count\" u32) (result u64))"), [];
    link_of_a_resource: App::new(LINKED).with_file("pricing.wat", program("pricing.wat")).with_file("web.wat", answering(
        "(import \"acme:pricing/quotes@1.0.0\" (instance
           (export \"cart\" (type $cart (sub resource)))
           (export \"total\" (func (param \"cart\" (borrow $cart)) (result u64)))))",
    )), [];
    link_not_imported: App::new(LINKED).with_file("pricing.wat", program("pricing.wat"))
        .with_file("web.wat", program("imports-unknown.wat")), [];
    link_not_exported: App::new(LINKED).with_file("pricing.wat", program("no-handler.wat")).with_file("web.wat", quoting(QUOTE)), [];
    link_of_the_host: App::new(&LINKED.replace("acme:pricing/quotes", "wasi:random/random"))
        .with_file("pricing.wat", program("pricing.wat"))
        .with_file("web.wat", answering("(import \"wasi:random/random@0.2.0\" (instance))")), [];
    link_given_twice: App::new(&LINKED.replace("quotes:", "quotes@1.0.0: pricing, acme:pricing/quotes:"))
        .with_file("pricing.wat", program("pricing.wat")).with_file("web.wat", quoting(QUOTE)), [];
    links_in_a_circle: App::new(CIRCLE).with_file("all.wat", circling()), [];
    folders_of_bindings: App::new(FOLDERS).with_file("hello.wat", exporting("mecha:bindings/input-handler@0.1.0"))
        .with_file("inbox/.keep", ""), [];
    schedule_far_away: App::new(
        "name: shop\ncomponents:\n  cart: { source: cart.wat }\nschedules:\n  \
         seldom: { every: 1000d, to: cart }\n  often: { cron: '*/5 * * * *', to: cart }\n",
    ).with_file("cart.wat", program("no-handler.wat")), [];
    all_is_well: one("").with_file("app.wasm", compiled("hello")), ["--strict"];
}

const UNUSED: &str = "    stores: { main: read }
    outbound: [https://example.com]
    env: { NAME: value }
    directories: [{ host: ., guest: /data }]
stores: { main: embedded }
";

const HANDLERS: &str = "name: shop
components:
  cart: { source: none.wat, callers: { outside: all }, jobs: true }
  other: { source: none.wat, callers: { cart: [put] } }
topics: { orders: { embedded: {}, http: /orders }, many: { embedded: {}, http: /many } }
subscriptions:
  one: { topic: orders, to: cart, routes: [{ when: 'event.type == \"x\"', to: other }] }
  batch: { topic: many, to: cart, batch: { size: 10 } }
schedules:
  hourly: { every: 1h, to: cart }
inputs:
  hook: { http: { path: /hook, signature: { secret: secret } }, to: cart }
";

const BATCHES: &str = "name: shop
components:
  cart: { source: batches.wat }
topics: { orders: { embedded: {}, http: /orders } }
subscriptions:
  one: { topic: orders, to: cart }
  url: { topic: orders, to: { url: 'https://example.com/' }, batch: { size: 10 } }
";

const UNUSED_PRIMITIVES: &str = "name: shop
components:
  cart: { source: hello.wat, http: [/], publish: [orders], invoke: { other: [put] }, outputs: { audit: all } }
  other: { source: hello.wat, http: [/other], callers: { cart: all }, jobs: true }
topics: { orders: { embedded: {}, keep: 1d } }
outputs: { audit: log }
";

const LINKED: &str = "name: shop
components:
  web: { source: web.wat, http: [/], link: { acme:pricing/quotes: pricing } }
  pricing: { source: pricing.wat, callers: { web: all } }
";

const CIRCLE: &str = "name: shop
components:
  web: { source: all.wat, http: [/], link: { acme:ring/next: first } }
  first: { source: all.wat, link: { acme:ring/next: second }, callers: { web: all, second: all } }
  second: { source: all.wat, link: { acme:ring/next: first }, callers: { first: all } }
";

const FOLDERS: &str = "name: shop
components:
  cart: { source: hello.wat, outputs: { receipts: all } }
inputs:
  one: { file: { directory: inbox, settled: { move: done }, failed: failed }, to: cart }
  two: { file: { directory: ./inbox/, pattern: '*.csv' }, to: cart }
  three: { file: { directory: nowhere }, to: cart }
outputs:
  receipts: { file: { directory: receipts } }
";

const QUOTE: &str = "(func (param \"item\" string) (result u64))";

/// A component that answers, with something more at its head.
fn answering(head: &str) -> String {
    let handler = fs::read_to_string(project().join("tests/programs/wat/imports-unknown.wat")).unwrap();
    let handler = &handler[handler.find("(import \"wasi:http/types").unwrap()..];
    format!("(component {head} {handler}")
}

/// A component that exports an interface, of which it has nothing.
fn exporting(interface: &str) -> String {
    format!("(component (instance $none) (export \"{interface}\" (instance $none)))")
}

/// A component that answers and imports the function that `pricing.wat` exports, or one of another type.
fn quoting(function: &str) -> String {
    answering(&format!("(import \"acme:pricing/quotes@1.0.0\" (instance (export \"quote\" {function})))"))
}

fn linked(interface: &str, function: &str) -> App {
    App::new(&LINKED.replace("acme:pricing/quotes", &format!("\"{interface}\"")))
        .with_file("pricing.wat", program("pricing.wat"))
        .with_file("web.wat", quoting(function))
}

/// A component that answers, and imports what it exports.
fn circling() -> String {
    answering(
        "(import \"acme:ring/next@1.0.0\" (instance $next (export \"go\" (func))))
         (alias export $next \"go\" (func $go)) (core func $lowered (canon lower (func $go)))
         (core module $code (import \"next\" \"go\" (func $go)) (func (export \"go\") call $go))
         (core instance $ring (instantiate $code (with \"next\" (instance (export \"go\" (func $lowered))))))
         (func $again (canon lift (core func $ring \"go\"))) (instance $again (export \"go\" (func $again)))
         (export \"acme:ring/next@1.0.0\" (instance $again))",
    )
}

fn assert_message(case: &str, app: &App, args: &[&str]) {
    let folder = app.path().to_str().unwrap();
    let checked = output(mecha(&["check"]).arg(app.path()).args(args));
    let words = args.iter().map(|arg| format!(" {arg}")).collect::<String>();
    let found = format!(
        "$ mecha-host check {{app}}{words}\n{}{}[{}]\n",
        checked.stderr.replace(folder, "{app}"),
        checked.stdout.replace(folder, "{app}"),
        checked.code.unwrap()
    );
    let file = project().join("tests/messages").join(format!("{}.txt", case.replace('_', "-")));
    if std::env::var_os("UPDATE_MESSAGES").is_some() {
        fs::write(&file, &found).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{} is:\n{expected}\nand was printed:\n{found}", file.display());
    if checked.code == Some(1) {
        // `serve` says the same, and serves nothing.
        let served = output(&mut serve(app.path(), args));
        assert_eq!((served.code, served.stdout.as_str()), (Some(1), ""));
        assert_eq!(served.stderr, checked.stderr);
    }
}

/// Interfaces whose names are right, and whose functions are not.
#[test]
fn what_check_accepts_serve_can_link() {
    let cases = [
        (
            "a function that the host's interface does not have",
            "(import \"wasi:random/random@0.2.0\" (instance (export \"get-better-bytes\" (func))))",
        ),
        (
            "a function of another type",
            "(import \"wasi:random/random@0.2.0\"
               (instance (export \"get-random-u64\" (func (result string)))))",
        ),
    ];
    let imports = cases.map(|(what, head)| (what, answering(head)));
    let exports = [
        (
            "a handler without its function",
            "(component (instance $none) (export \"wasi:http/incoming-handler@0.2.0\" (instance $none)))",
        ),
        (
            "a handler of another version",
            "(component (instance $none) (export \"wasi:http/incoming-handler@0.3.0\" (instance $none)))",
        ),
    ];
    let exports = exports.map(|(what, text)| (what, text.to_owned()));
    let mut wrong = vec![];
    for (what, text) in imports.into_iter().chain(exports) {
        let app = one("").with_file("app.wasm", &text);
        let checked = output(mecha(&["check"]).arg(app.path()));
        let served = output(&mut serve(app.path(), &[]));
        if (checked.code, served.code) != (Some(1), Some(1)) || !checked.stderr.contains("app.wasm") {
            let (checked, served) = (checked.code, (served.code, served.stderr));
            wrong.push(format!("{what}: check ended with {checked:?}, serve with {served:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
