//! Manifests, receipts, and what becomes of them.

use mecha_manifest::Secrets;
use similar::TextDiff;

use super::{Tightened, used::Used};
use crate::testing::receipts::{FORMAT, Receipt};

struct None;

impl Secrets for None {
    fn env(&self, _: &str) -> Option<String> {
        Option::None
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Err("there is none".to_owned())
    }
}

/// What these calls used, each as JSON: only what is not empty.
fn used(calls: &[serde_json::Value]) -> Used {
    let mut used = Used::default();
    for call in calls {
        let mut receipt = serde_json::to_value(Receipt { format: FORMAT, ..Receipt::default() }).unwrap();
        receipt.as_object_mut().unwrap().extend(call.as_object().unwrap().clone());
        used.add(serde_json::from_value(receipt).unwrap());
    }
    used
}

fn tighten(text: &str, calls: &[serde_json::Value]) -> Tightened {
    super::tighten("mecha.yaml", text, &None, &used(calls)).unwrap()
}

fn diff(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(0).to_string()
}

const EVERYTHING: &str = r#"# The shop
name: shop
stores: { carts: embedded, prices: embedded, notes: memory }
topics: { orders: embedded, audit: embedded }
outputs:
  files: { file: { directory: ./files } }
  mail: log
components:
  # Faces the web
  web:
    source: web.wasm
    http: [/]
    stores:
      # Of all customers
      carts: read-write   # for now
      prices: { access: read-write, prefix: eu/ }
      notes: read
    outbound:
    - https://api.example.com
    - { host: "http://old.example.com", private: true }

    - "*.cdn.example.com"
    publish: [orders, { topic: audit, types: [a.b, c.*] }] # events
    invoke: [pricing, stock]
    outputs: { files: all, mail: [write] }
    jobs: true
    env: { A: b }
    limits:
      wall-time: 5s
  pricing:
    source: pricing.wasm
    callers: { web: all, outside: [quote] }
  stock: { source: stock.wasm, callers: { web: all } }
"#;

fn everything() -> Vec<serde_json::Value> {
    vec![
        serde_json::json!({
            "component": "web",
            "fuel": 12_345,
            "memory": 1_179_648,
            "stores": {
                "carts": { "read": ["cart:de:", "cart:eu:"], "written": [] },
                "prices": { "read": ["eu/x/"], "written": ["eu/"] },
            },
            "topics": { "orders": ["order.placed"], "audit": ["a.b"] },
            "outputs": { "files": ["create"] },
            "components": { "pricing": ["quote"] },
            "hosts": { "https://api.example.com:443": ["GET"], "https://x.cdn.example.com:443": ["GET"] },
        }),
        serde_json::json!({ "component": "pricing", "fuel": 10, "memory": 65_536 }),
    ]
}

#[test]
fn everything_is_tightened_and_the_rest_stays() {
    let tightened = tighten(EVERYTHING, &everything());
    let expected = r#"@@ -15 +15 @@
-      carts: read-write   # for now
+      carts: { access: read, prefix: "cart:" }   # for now
@@ -17 +16,0 @@
-      notes: read
@@ -20 +18,0 @@
-    - { host: "http://old.example.com", private: true }
@@ -23,4 +21,3 @@
-    publish: [orders, { topic: audit, types: [a.b, c.*] }] # events
-    invoke: [pricing, stock]
-    outputs: { files: all, mail: [write] }
-    jobs: true
+    publish: [{ topic: orders, types: [order.placed] }, { topic: audit, types: [a.b] }] # events
+    invoke: { pricing: [quote] }
+    outputs: { files: [create] }
@@ -29,0 +27,2 @@
+      memory: 3MiB
+      fuel: 50000
@@ -32,2 +31,3 @@
-    callers: { web: all, outside: [quote] }
-  stock: { source: stock.wasm, callers: { web: all } }
+    callers: { web: [quote], outside: [quote] }
+    limits: { memory: 1MiB, fuel: 40 }
+  stock: { source: stock.wasm }
"#;
    assert_eq!(diff(EVERYTHING, &tightened.text), expected);
    assert!(tightened.by_hand.is_empty(), "{:?}", tightened.by_hand);
    let again = tighten(&tightened.text, &everything());
    assert_eq!((again.text.as_str(), again.done.len()), (tightened.text.as_str(), 0));
    let notes = [
        "the receipts have only 1 call of `web`: it may need more than they show",
        "the receipts have only 1 call of `pricing`: it may need more than they show",
        "no receipt is of a call of `stock`: it is left as it is",
        "receipts do not tell what is used of `env`, `callers.outside`: look at it yourself",
    ];
    assert_eq!(tightened.notes, notes);
}

/// A component with this in it, that used a store `a` for keys without a prefix, and wrote to none.
fn changed(grants: &str) -> (String, Vec<String>) {
    let text = format!(
        "name: it\nstores: {{ a: memory, b: memory }}\ncomponents:\n  it:\n    source: a.wasm\n{grants}"
    );
    let call = serde_json::json!({ "component": "it", "stores": { "a": { "read": [""], "written": [] } } });
    let Tightened { text: new, by_hand, .. } = tighten(&text, &[call]);
    let (old, new) = (text.lines().count(), new);
    let kept: Vec<_> = new.lines().skip(5.min(old)).collect();
    (kept.join("\n"), by_hand.iter().map(|proposal| proposal.told()).collect())
}

#[test]
fn grants_are_found_however_they_are_written() {
    let cases = [
        ("    stores: { b: read, a: read }\n", "    stores: { a: read }"),
        ("    stores: { a: read, b: read }\n", "    stores: { a: read }"),
        ("    stores: { a: read, b: read, }\n", "    stores: { a: read, }"),
        ("    stores: { \"b\":\"read\", 'a': 'read' }\n", "    stores: { 'a': 'read' }"),
        (
            "    stores:\n      a: read\n      b:\n        access: read\n        prefix: \"it's: #1\"\n      # end\n",
            "    stores:\n      a: read\n      # end",
        ),
        ("    stores:\n      b: read\n    http: [/]\n", "    http: [/]"),
        (
            "    stores: {\n      a: read-write,\n      b: read\n    }\n",
            "    stores: {\n      a: read\n    }",
        ),
        (
            "    stores:\n      a:\n        access: read-write\n    http: [/]\n",
            "    stores:\n      a: read\n    http: [/]",
        ),
        ("    jobs: true\n    outbound: [a.example, 'b,c.example']\n", ""),
        ("    \"jobs\": true\n    http: [/]\n", "    http: [/]"),
    ];
    for (written, expected) in cases {
        // A grant of a name that is no host does not load; the case is about quotes.
        let written = written.replace("b,c.example", "*.b.example");
        assert_eq!(changed(&written), (expected.to_owned(), vec![]), "{written}");
    }
}

#[test]
fn what_cannot_be_changed_in_place_is_told() {
    let cases = [
        "    stores: {\n      a: read, # why\n      b: read # what\n    }\n",
        "    stores: &all { a: read, b: read }\n",
    ];
    for written in cases {
        let told = vec!["components.it.stores.b: remove it; no call used it".to_owned()];
        assert_eq!(changed(written), (written.trim_end().to_owned(), told), "{written}");
    }
}

#[test]
fn receipts_of_another_app_or_format_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipts");
    let write = |text: &str| {
        let folder = cap_std::fs::Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority());
        folder.unwrap().write("receipts", text).unwrap();
        Used::default().read(&path, "shop")
    };
    let line = |format, app: &str| {
        let receipt = Receipt { format, app: app.to_owned(), ..Receipt::default() };
        serde_json::to_string(&receipt).unwrap()
    };
    assert!(write(&format!("{}\n\n{}\n", line(1, "shop"), line(1, "shop"))).is_ok());
    for (text, why) in [
        (line(1, "other"), "a receipt of the app `other`"),
        (line(2, "shop"), "a receipt of the format 2"),
        ("{}".to_owned(), ":1: this is no receipt"),
        ("\u{0}".repeat(5 << 20), ":1: this is no receipt"),
    ] {
        let error = format!("{:#}", write(&text).unwrap_err());
        assert!(error.contains(why), "{error}");
    }
}
