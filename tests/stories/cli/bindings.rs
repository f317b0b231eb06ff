//! `bindings`: the reference of what outputs can be asked to do.

use serde_json::Value;

use super::{assert_prints, run};

#[test]
fn bindings_shows_operations_with_their_effects_and_metadata() {
    let parts = [
        "output file: ",
        "  create (deferrable)\n",
        "  get (safe)\n",
        "      if-exists ",
        "output http: ",
        "  post (deferrable)\n",
        "      idempotency-key ",
        "output log: ",
        "input file: ",
        "input http: ",
    ];
    assert_prints(&run(&["bindings"]), 0, &parts);
    let log = run(&["bindings", "log"]);
    assert_prints(&log, 0, &["output log: ", "  write (deferrable)\n"]);
    assert!(!log.stdout.contains("output http") && !log.stdout.contains("input"), "{}", log.stdout);
    assert_prints(&run(&["bindings", "exec"]), 2, &["error: ", "file, http, log"]);
}

#[test]
fn bindings_tells_machines_the_same() {
    let printed = run(&["bindings", "file", "--json"]);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let value: Value = serde_json::from_str(&printed.stdout).unwrap();
    let create = &value["outputs"][0]["operations"][0];
    assert_eq!((create["name"].as_str(), create["effect"].as_str()), (Some("create"), Some("deferrable")));
    let path = &create["metadata"][0];
    assert_eq!((path["name"].as_str(), path["required"].as_bool()), (Some("path"), Some(true)));
    assert_eq!(value["inputs"][0]["kind"], "file");
    assert!(
        value["outputs"].as_array().unwrap().len() == 1 && value["inputs"].as_array().unwrap().len() == 1
    );
}
